package inbox // want

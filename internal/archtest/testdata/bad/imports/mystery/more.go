package mystery // want

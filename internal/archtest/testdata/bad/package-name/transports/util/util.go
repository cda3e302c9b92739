package util // want

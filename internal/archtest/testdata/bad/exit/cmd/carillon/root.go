package main

import (
	"log"
	"os"
)

func run() {
	log.Fatalf("no") // want
	os.Exit(2)       // want
	log.Print("yes")
}

package main

func Root() {}

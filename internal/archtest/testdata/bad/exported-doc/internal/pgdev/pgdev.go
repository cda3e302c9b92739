package pgdev

func Start() {}

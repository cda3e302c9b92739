package util

func init() { panic("never read") }

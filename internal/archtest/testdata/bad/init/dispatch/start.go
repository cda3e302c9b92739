package dispatch

func init() {} // want

type starter struct{}

func (starter) init() {}

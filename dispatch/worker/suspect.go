package worker

// alone is held by whoever has a suspect under way: if the process dies, nobody else is to blame for it.
type alone chan struct{}

func (a alone) enter() bool {
	select {
	case a <- struct{}{}:
		return true
	default:
		return false
	}
}

func (a alone) leave() { <-a }

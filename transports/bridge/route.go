package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	"github.com/nicholas-fedor/shoutrrr/pkg/util/jsonclient"

	"github.com/carillon-notify/carillon/transports"
)

// route is one URL. Its service has a state of its own, and so one message at a time.
type route struct {
	name   string
	scheme string
	url    transports.Secret

	turn    chan struct{}
	left    atomic.Bool // behind: a send that nobody waits for any more has the turn
	service types.Service
}

// errNotMade is of a service that could not log in; nothing was sent.
var errNotMade = errors.New("the service could not be reached to log in")

// errPanicked is of a library that panicked, perhaps after it had sent.
var errPanicked = errors.New("the library panicked")

// send sends one text, or leaves the library behind when ctx ends.
func (r *route) send(ctx context.Context, text string) error {
	if r.left.Load() {
		return transports.Errorf(transports.Transient, "an earlier message to the same URL is still under way")
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return transports.Errorf(transports.Transient, "other messages to the same URL took all the time")
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			r.left.Store(false)
			<-r.turn
		}()
		done <- r.call(text)
	}()
	select {
	case err := <-done:
		return classify(err)
	case <-ctx.Done():
	}
	r.left.Store(true)
	select {
	case err := <-done: // It ended at the same moment, and may have taken its mark away before it was made.
		r.left.Store(false)
		return classify(err)
	default:
	}
	return transports.Errorf(transports.Unknown, "the library did not come back in time; the message may have arrived")
}

// call makes the service, if that is left to do, and hands it the text.
func (r *route) call(text string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errPanicked
		}
	}()
	if r.service == nil {
		if r.service, err = locate(r.url); err != nil {
			return errNotMade
		}
	}
	// Parameters would stay with the service, and change what follows.
	return r.service.Send(text, &types.Params{})
}

// locate makes the service of a URL. Its error is not fit for anybody's eyes.
func locate(raw transports.Secret) (service types.Service, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errPanicked
		}
	}()
	var services router.ServiceRouter
	if service, err = services.Locate(raw.Reveal()); err != nil {
		return nil, err
	}
	return service, nil
}

// classify says what an error of the library's means, and withholds its words.
func classify(err error) error {
	var dns *net.DNSError
	var op *net.OpError
	var answer jsonclient.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNotMade):
		return transports.Errorf(transports.Transient, "%s", errNotMade)
	case errors.Is(err, errPanicked):
		return transports.Errorf(transports.Unknown, "%s, perhaps after it had sent the message", errPanicked)
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial":
		return transports.Errorf(transports.Transient, "the service cannot be reached")
	case errors.As(err, &answer):
		return refused(answer.StatusCode)
	}
	// Some services leave nothing but words. They end in the status as net/http has it, where there is one.
	text := err.Error()
	for status := http.StatusBadRequest; status < http.StatusInternalServerError; status++ {
		if words := http.StatusText(status); words != "" && strings.HasSuffix(text, fmt.Sprintf("%d %s", status, words)) {
			return refused(status)
		}
	}
	if strings.HasSuffix(text, ": connection refused") || strings.HasSuffix(text, ": no such host") {
		return transports.Errorf(transports.Transient, "the service cannot be reached")
	}
	return refused(0)
}

// refused says what a status means; 0 is none that is known.
func refused(status int) error {
	e := &transports.Error{Class: transports.Unknown, Detail: "the library failed, perhaps after it had sent the message"}
	if status > 0 {
		e.Code = strconv.Itoa(status)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Class, e.Detail = transports.Configuration, "the service refuses the credentials of the URL"
	case http.StatusTooManyRequests:
		e.Class, e.Detail = transports.Rate, "the service limits our rate"
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		e.Class, e.Detail = transports.Permanent, "the service rejects the message, or the URL leads nowhere"
	}
	return e
}

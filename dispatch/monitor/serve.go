package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Limits of the server.
const (
	readTimeout = 5 * time.Second
	// writeTimeout leaves room for a CPU profile of 30 s, the default of whoever asks for one.
	writeTimeout = time.Minute
	maxHeader    = 16 << 10
	// stopTimeout is how long answers may take that are under way when the context ends.
	stopTimeout = 2 * time.Second
)

// Listen opens the address, so that one that is taken or wrong is known before any work begins.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the monitoring: %w", err)
	}
	return l, nil
}

// Serve answers on l until ctx ends, lets answers that are under way finish for 2 s, and closes l. It returns nil when it
// was told to end.
func Serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the monitoring: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		_ = server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the monitoring: %w", err)
	}
	return nil
}

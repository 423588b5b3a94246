package main

import "context"

// sideBySide runs parts until one of them ends or ctx is done, ends the others,
// and returns the first error once all have ended. It calls ready when all were
// started, and stopping when they are to end.
func sideBySide(ctx context.Context, parts []func(context.Context) error, ready, stopping func()) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part(ctx) }()
	}
	ready()
	left := len(parts)
	select {
	case <-ctx.Done():
	case err = <-ended:
		// It may have ended because ctx is done, without an error.
		left--
	}
	stopping()
	cancel()
	for range left {
		if more := <-ended; err == nil {
			err = more
		}
	}
	return err
}

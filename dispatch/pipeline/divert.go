package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	modes "github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// ruleDelivery names the verdict of the mode of delivery, which comes after those of the rules.
const ruleDelivery = "delivery"

// divert keeps messages in the house that the mode of delivery does not let out. It runs on every try, so that a
// message that was rendered live does not go out after a change of mode.
func (r *run) divert(context.Context) error {
	if r.delivery.Live() {
		return nil
	}
	for _, it := range r.open() {
		// Where a target leads the address does not say, so it can be neither allowed nor redirected.
		aimed := it.target != nil
		if it.body != nil && !r.inHouse(it) && (aimed || !r.delivery.Allows(it.Transport, it.body.Recipient.Address)) {
			r.divertOne(it)
		}
	}
	return nil
}

func (r *run) divertOne(it *item) {
	address := r.delivery.Redirect[it.Transport]
	if r.delivery.Mode == modes.Redirect && address != "" && it.target == nil {
		body := *it.body
		body.Recipient.Address = address
		it.body = &body
		it.verdicts = append(it.verdicts, receipts.Verdict{
			Rule: ruleDelivery, Verdict: verdictPass, Detail: "redirected to " + address,
		})
		return
	}
	it.captured = true
	it.verdicts = append(it.verdicts, receipts.Verdict{
		Rule: ruleDelivery, Verdict: verdictSkip, Reason: receipts.Captured, Detail: "captured, not sent",
	})
	it.settle(receipts.Result{State: receipts.Skipped, Reason: receipts.Captured})
}

// inHouse says that a transport writes into the database. A transport that only could is not trusted with it.
func (r *run) inHouse(it *item) bool {
	switch r.transports[it.Transport].(type) {
	case transports.InDatabase:
		return true
	case *standIn: // A plan has no transports.
		return it.channel.Spec.InDatabase
	}
	return false
}

// capture writes what was captured into the folder. What cannot be written is tried again.
func (r *run) capture(ctx context.Context) error {
	if r.delivery.Live() || r.delivery.Capture == "" {
		return nil
	}
	for _, it := range r.items {
		if !it.captured || it.result == nil {
			continue
		}
		started := time.Now()
		if missing, err := r.load(ctx, []*item{it}); err != nil {
			return err
		} else if len(missing) > 0 {
			continue // It is settled as that.
		}
		err := r.captureOne(it)
		it.contents = nil
		if err != nil {
			it.result = nil
			r.settleFailure(it, &transports.Error{
				Class: transports.Transient, Code: "capture", Detail: "the captured message could not be written: " + err.Error(), Err: err,
			}, started)
		}
	}
	return nil
}

// captureOne writes one message as its transport would send it, else as JSON. A second time writes the same file.
func (r *run) captureOne(it *item) error {
	m := it.message()
	content, extension, err := compose(r.transports[it.Transport], m)
	if err != nil {
		return err
	}
	dir := filepath.Join(r.delivery.Capture, it.Transport)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errors.Unwrap(err)
	}
	name := filepath.Join(dir, it.ID.String()+extension)
	// Whoever watches the folder sees whole files only.
	if err := os.WriteFile(name+".part", content, 0o600); err != nil {
		return errors.Unwrap(err)
	}
	if err := os.Rename(name+".part", name); err != nil {
		return errors.Unwrap(err)
	}
	return nil
}

func compose(t transports.Transport, m transports.Message) (content []byte, extension string, err error) {
	if previewer, ok := t.(transports.Previewer); ok {
		if content, extension, err = previewer.Preview(m); err == nil {
			return content, extension, nil
		}
	}
	content, err = json.MarshalIndent(m, "", "  ")
	return append(content, '\n'), ".json", err
}

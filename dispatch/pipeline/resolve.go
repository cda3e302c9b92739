package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/internal/failpoint"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// expandChunk is how many children one statement adds.
const expandChunk = 500

// resolve finds who gets each receipt. An error of a resolver is a retry, never nobody.
func (r *run) resolve(ctx context.Context) error {
	for _, it := range r.open() {
		if it.Bound() {
			named, err := namedBy(it.Receipt)
			if err != nil {
				return err
			}
			it.named = named
			continue
		}
		if err := r.resolveAudience(ctx, it); err != nil {
			return err
		}
	}
	return r.lookUpPeople(ctx)
}

func (r *run) resolveAudience(ctx context.Context, it *item) error {
	started := time.Now()
	children, err := r.findRecipients(ctx, it)
	if err != nil {
		r.settleFailure(it, applicationError("resolve", "audience "+it.Audience, err), started)
		return nil
	}
	switch {
	case it.Cursor != "" || len(children) > 1:
		return r.expand(ctx, it, children)
	case len(children) == 0:
		it.settle(receipts.Result{State: receipts.Skipped, Reason: receipts.NoRecipients})
	default:
		it.named = children[0].recipient
	}
	return nil
}

// findRecipients asks the application who is in the item's audience.
func (r *run) findRecipients(ctx context.Context, it *item) ([]child, error) {
	var found []transports.Recipient
	err := r.contain(ctx, "resolver", it, func() error {
		return r.lend(func(db *lent) (err error) {
			if it.event.Recipients != nil && !it.channel.Once {
				found, err = it.event.Recipients(ctx, db, it.subject(), it.Audience)
			} else {
				found, err = it.channel.Resolve(ctx, db, it.subject())
			}
			return err
		})
	})
	if err == nil {
		err = checkText(found)
	}
	return childrenOf(found), err
}

// checkText refuses recipients that Postgres could not store, before they reach a statement of the whole batch.
func checkText(found []transports.Recipient) error {
	for i, r := range found {
		for _, text := range []string{r.ID, r.Name, r.Address, r.Locale, r.Timezone} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				return fmt.Errorf("recipient %d has text that is not UTF-8, or a NUL", i)
			}
		}
	}
	return nil
}

// child is a recipient with its key: one per person, and one per address without a person.
type child struct {
	key       string
	recipient transports.Recipient
}

// childrenOf drops recipients that are named twice or not at all, and sorts the rest by key, so that an expansion
// can go on where another worker stopped.
func childrenOf(found []transports.Recipient) []child {
	children := make([]child, 0, len(found))
	for _, recipient := range found {
		switch {
		case recipient.ID != "":
			children = append(children, child{"person:" + recipient.ID, recipient})
		case recipient.Address != "":
			children = append(children, child{"address:" + recipient.Address, recipient})
		}
	}
	slices.SortStableFunc(children, func(a, b child) int { return strings.Compare(a.key, b.key) })
	return slices.CompactFunc(children, func(a, b child) bool { return a.key == b.key })
}

// expand gives each recipient a receipt of its own, in chunks, each committed with its jobs and the cursor.
func (r *run) expand(ctx context.Context, it *item, children []child) error {
	rest := make([]receipts.Child, 0, len(children))
	for _, c := range children {
		if c.key > it.Cursor {
			rest = append(rest, receipts.Child{
				Key: c.key, Recipient: c.recipient.ID, Address: c.recipient.Address, Data: recipientData(c.recipient),
			})
		}
	}
	for chunk := range slices.Chunk(rest, expandChunk) {
		failpoint.Pass(failpoint.R1)
		err := r.store.Expand(ctx, r.db, r.batch.Token, it.ID, chunk)
		failpoint.Pass(failpoint.R3)
		if errors.Is(err, receipts.ErrLeaseLost) {
			// Cancelled or taken away; the rest of the batch is not concerned.
			r.drop(it)
			return nil
		}
		if err != nil {
			return err
		}
	}
	it.settle(receipts.Result{State: receipts.Expanded, Reason: receipts.FannedOut})
	return nil
}

// lookUpPeople asks the directory for everybody in the batch, one question per tenant.
func (r *run) lookUpPeople(ctx context.Context) error {
	byTenant := map[string][]*item{}
	for _, it := range r.open() {
		it.recipient = it.named
		if it.frozen != nil {
			it.recipient = it.frozen.Recipient
		} else if it.named.ID != "" {
			byTenant[it.Tenant] = append(byTenant[it.Tenant], it)
		}
	}
	for tenant, items := range byTenant {
		started := time.Now()
		ids := make([]string, 0, len(items))
		for _, it := range items {
			ids = append(ids, it.named.ID)
		}
		slices.Sort(ids)
		var found map[string]people.Person
		err := r.contain(ctx, "people directory", items[0], func() (err error) {
			return r.lend(func(db *lent) error {
				found, err = r.registry.Directory.Find(ctx, db, tenant, slices.Compact(ids))
				return err
			})
		})
		for _, it := range items {
			failed := err
			if person, known := found[it.named.ID]; known && err == nil {
				it.person = &person
				it.recipient = merge(it.named, person, it.channel.Spec.Address)
				failed = checkText([]transports.Recipient{it.recipient})
			}
			if failed != nil {
				r.settleFailure(it, applicationError(codePeople, "people directory", failed), started)
			}
		}
	}
	return nil
}

// merge adds what the directory knows to what the resolver said.
func merge(named transports.Recipient, person people.Person, kind transports.AddressKind) transports.Recipient {
	address := ""
	switch kind {
	case transports.AddressEmail:
		address = person.Email
	case transports.AddressPhone:
		address = person.Phone
	case transports.AddressNone, transports.AddressChat:
	}
	for _, field := range []struct {
		known *string
		value string
	}{
		{&named.Name, person.Name},
		{&named.Address, address},
		{&named.Locale, person.Locale},
		{&named.Timezone, person.Timezone},
	} {
		if *field.known == "" {
			*field.known = field.value
		}
	}
	return named
}

// codePeople is the code of an attempt that failed in the directory of people, which is asked for many receipts at once.
// None of them is to blame for its panic.
const codePeople = "people"

// applicationError is a failure in a function or query of the application: its own words, worth another try.
func applicationError(code, what string, err error) *transports.Error {
	if classified := transports.Classify(err); classified.Code == codePanic && code != codePeople {
		return classified
	}
	return &transports.Error{
		Class: transports.Transient, Code: code, Err: err,
		Detail: fmt.Sprintf("%s: %s", what, err),
	}
}

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/receipts"
)

// reasonOf finds the words in which a rule said why it skipped the receipt. The receipt's own reason is enough for want
// of them.
func (s *demoStage) reasonOf(ctx context.Context, r demoReceipt) (string, error) {
	explained, err := s.store.Why(ctx, s.pool, receipts.WhyParams{
		EventID: r.EventID, Recipient: r.Recipient, Tenant: &s.city, Rules: pipeline.Rules(),
	})
	if err != nil {
		return "", err
	}
	for _, account := range explained.Receipts {
		if account.Receipt.ID != r.ID {
			continue
		}
		for _, run := range account.Decisions {
			for _, v := range run.Verdicts {
				if v.Reason == r.Reason && v.Detail != "" {
					return v.Detail, nil
				}
			}
		}
	}
	return string(r.Reason), nil
}

// letter picks the mail that took two tries, else any.
func (f *demoFacts) letter() (smtpsink.Message, bool) {
	if len(f.Letters) == 0 {
		return smtpsink.Message{}, false
	}
	retried := f.pick(isRetried)
	i := slices.IndexFunc(f.Letters, func(m smtpsink.Message) bool { return retried != nil && m.MessageID == retried.MessageID })
	return f.Letters[max(i, 0)], true
}

// pick returns the first receipt of a kind, or nil.
func (f *demoFacts) pick(is func(demoReceipt) bool) *demoReceipt {
	if i := slices.IndexFunc(f.Receipts, is); i >= 0 {
		return &f.Receipts[i]
	}
	return nil
}

// commands are what to try on the day's data.
func (f *demoFacts) commands(name, tenant string) []string {
	list := []string{"receipts list"}
	if tenant != "" {
		tenant = " --tenant " + tenant
	}
	if r := f.pick(isOptedOut); r != nil {
		list = append(list, "why "+short(r.EventID)+" --recipient "+r.Recipient+tenant)
	}
	if r := f.pick(isRetried); r != nil {
		list = append(list, "receipts show "+short(r.ID))
	}
	for i := range list {
		list[i] = name + " " + list[i]
	}
	return list
}

// demoCommandName is how this program is called from a shell.
func demoCommandName() string {
	self, err := os.Executable()
	if err != nil {
		return "carillon"
	}
	// Nothing found is an empty path, which is no file.
	onPath, _ := exec.LookPath("carillon")
	return commandName(self, onPath)
}

// commandName is the plain name if PATH finds this very program by it, else the way in which `go run` has made it, else
// its path.
func commandName(self, onPath string) string {
	switch {
	case sameFile(self, onPath):
		return "carillon"
	case strings.Contains(filepath.ToSlash(self), "/go-build"):
		return "go run ./cmd/carillon"
	case strings.ContainsAny(self, " '\"\\$&;()<>|*?"):
		return "'" + strings.ReplaceAll(self, "'", `'\''`) + "'"
	}
	return self
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

package transports_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
)

func TestASecretPrintsNowhere(t *testing.T) {
	t.Parallel()
	secret := transports.Secret("hunter2")
	encoded, err := json.Marshal(map[string]any{"secret": secret})
	require.NoError(t, err)
	for _, text := range []string{
		fmt.Sprint(secret), fmt.Sprintf("%q %#v %v", secret, secret, struct{ S transports.Secret }{secret}),
		string(encoded), secret.LogValue().String(),
	} {
		require.NotContains(t, text, "hunter2")
	}
	require.Equal(t, "hunter2", secret.Reveal())
}

func TestAnErrorNobodyClassifiedIsTransientAndItsTextWithheld(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errors.New("token SECRET"), context.DeadlineExceeded, context.Canceled, &transports.Error{}} {
		classified := transports.Classify(fmt.Errorf("send: %w", err))
		require.Equal(t, transports.Transient, classified.Class)
		require.NotContains(t, classified.Error(), "SECRET")
	}
	permanent := &transports.Error{Class: transports.Permanent, Code: "550 5.7.1", Detail: "refused", Err: errors.New("SECRET")}
	require.Same(t, permanent, transports.Classify(fmt.Errorf("send: %w", permanent)))
	require.Equal(t, "permanent 550 5.7.1: refused", permanent.Error())
	require.ErrorIs(t, permanent, permanent.Err)
}

func TestMergeLaysOverFieldByField(t *testing.T) {
	t.Parallel()
	base := transports.Content{Subject: "a", Message: "b"}
	require.Equal(t, transports.Content{Subject: "a", Message: "c", HTML: "d"}, base.Merge(transports.Content{Message: "c", HTML: "d"}))
	require.Equal(t, "b", base.Get(transports.FieldMessage), "the base is as it was")
	require.Empty(t, base.Get("nothing"))
}

func TestEveryBuiltinSpecNamesFieldsThatExist(t *testing.T) {
	t.Parallel()
	var known []string
	for _, f := range (&transports.Content{}).Fields() {
		known = append(known, f.Name)
	}
	for _, spec := range transports.Builtin() {
		require.Subset(t, known, spec.Fields(), spec.Name)
	}
}

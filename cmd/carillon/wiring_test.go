package main

import (
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports"
)

func TestEveryTransportIsWired(t *testing.T) {
	t.Parallel()
	var wired []transports.Spec
	for _, b := range builders() {
		wired = append(wired, b.Spec)
	}
	require.ElementsMatch(t, transports.Builtin(), wired)
}

func TestWorkerSettingsReachTheWorkerUnderTheirOwnNames(t *testing.T) {
	t.Parallel()
	file := &config.File{}
	next := 0
	fill(reflect.ValueOf(&file.Worker).Elem(), &next)
	got := reflect.ValueOf(workerConfig(file, slog.Default())).Elem()
	compare(t, reflect.ValueOf(file.Worker), got)
	require.Equal(t, time.Duration(3), file.Worker.Lease, "every field got a value of its own")
}

// fill gives each number below v another value.
func fill(v reflect.Value, next *int) {
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Struct {
			fill(v.Field(i), next)
			continue
		}
		*next++
		v.Field(i).SetInt(int64(*next))
	}
}

func compare(t *testing.T, want, got reflect.Value) {
	t.Helper()
	for i := range want.NumField() {
		name := want.Type().Field(i).Name
		if want.Field(i).Kind() == reflect.Struct {
			compare(t, want.Field(i), got.FieldByName(name))
			continue
		}
		require.Equal(t, want.Field(i).Int(), got.FieldByName(name).Int(), name)
	}
}

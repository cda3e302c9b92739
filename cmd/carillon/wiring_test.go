package main

import (
	"log/slog"
	"reflect"
	"strconv"
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
	require.Equal(t, time.Duration(4), file.Worker.Lease, "every field got a value of its own")
}

// fill gives each setting below v a value of its own.
func fill(v reflect.Value, next *int) {
	for i := range v.NumField() {
		field := v.Field(i)
		*next++
		switch field.Kind() {
		case reflect.Struct:
			*next--
			fill(field, next)
		case reflect.Map:
			field.Set(reflect.MakeMap(field.Type()))
			field.SetMapIndex(reflect.ValueOf("one"), reflect.ValueOf(*next))
		case reflect.String:
			field.SetString(strconv.Itoa(*next))
		default:
			field.SetInt(int64(*next))
		}
	}
}

func compare(t *testing.T, want, got reflect.Value) {
	t.Helper()
	for i := range want.NumField() {
		name := want.Type().Field(i).Name
		if name == "Monitor" {
			continue // It is the command's, as testdata/script/monitor.txtar sees.
		}
		if want.Field(i).Kind() == reflect.Struct {
			compare(t, want.Field(i), got.FieldByName(name))
			continue
		}
		require.EqualValues(t, want.Field(i).Interface(), got.FieldByName(name).Convert(want.Field(i).Type()).Interface(), name)
	}
}

package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

func TestEveryChannelReachesItsAudience(t *testing.T) {
	t.Parallel()
	b := setup(t, resource(nil, emailTo("user"), inAppTo("user"), emailTo("others"), emailTo("ops")))
	event := b.emit(t, numbered("ann", "bob", "dora"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{
		"email ann": "sent(accepted)", "in_app ann": "sent(accepted)",
		"email bob": "sent(accepted)", "email dora": "sent(accepted)", "email ops@example.com": "sent(accepted)",
	}, b.states(event))
	require.Len(t, b.Fake(transports.Email).Accepted(), 4)
	inAnnsInbox, err := inbox.List(t.Context(), b.tx, "", "ann", 10)
	require.NoError(t, err)
	require.Len(t, inAnnsInbox, 1)
	require.Equal(t, "Order #A7 is being processed", inAnnsInbox[0].Message)
	for _, r := range b.Receipts(event) {
		require.Equal(t, 1, r.Attempts)
		require.NotNil(t, r.FinishedAt)
	}
}

func TestOneOfThreeWithoutAnAddressIsSkipped(t *testing.T) {
	t.Parallel()
	b := setup(t, resource(nil, emailTo("others")))
	event := b.emit(t, numbered("", "ann", "bob", "cleo"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{
		"email ann": "sent(accepted)", "email bob": "sent(accepted)", "email cleo": "skipped(no_address)",
	}, b.states(event))
}

func TestAPersonWhomNobodyKnowsHasNoAddress(t *testing.T) {
	t.Parallel()
	b := setup(t, resource(nil, emailTo("user")))
	event := b.emit(t, numbered("stranger"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"email stranger": "skipped(no_address)"}, b.states(event))
}

func TestAnAudienceOfNobodyIsNoError(t *testing.T) {
	t.Parallel()
	b := setup(t, resource(nil, emailTo("others"), emailTo("user")))
	event := b.emit(t, numbered(""), nil)
	b.Deliver()
	for _, r := range b.Receipts(event) {
		require.Equal(t, "skipped(no_recipients)", fmt.Sprintf("%s(%s)", r.State, r.Reason))
	}
}

func TestAFailingResolverIsRetriedAndNeverMeansNobody(t *testing.T) {
	t.Parallel()
	fail := true
	r := resource(func(r *dispatch.Resource[order], _ *dispatch.Event[order]) {
		r.Audiences["user"] = dispatch.AudienceFunc(func(context.Context, dispatch.Querier, order) ([]dispatch.Recipient, error) {
			if fail {
				return nil, errors.New("the directory is down")
			}
			return []dispatch.Recipient{{ID: "ann"}}, nil
		})
	}, emailTo("user"))
	b := setup(t, r)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	waiting := one(t, b.Receipts(event))
	require.Equal(t, "waiting(retry)", fmt.Sprintf("%s(%s)", waiting.State, waiting.Reason))
	require.Contains(t, b.Attempts(waiting.ID)[0].Detail, "the directory is down")
	fail = false
	b.Advance(aWhile)
	require.Equal(t, map[string]string{"email ann": "sent(accepted)"}, b.states(event))
}

func TestPanicsHarmOnlyTheirOwnReceipt(t *testing.T) {
	t.Parallel()
	panicking := transporttest.NewFake("pager", &transporttest.FakeConfig{
		SendFunc: func(context.Context, transports.Message) (transports.Result, error) { panic("transport") },
	})
	for _, test := range []struct {
		name   string
		change func(*dispatch.Resource[order], *dispatch.Event[order])
	}{
		{"Resolver", func(r *dispatch.Resource[order], _ *dispatch.Event[order]) {
			r.Audiences["others"] = dispatch.People(func(order) []string { panic("resolver") })
		}},
		{"Template", func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
			e.EnrichFunc = dispatch.Enrich(func(_ context.Context, _ dispatch.Querier, o order) (struct{}, error) {
				if o.Others != nil {
					panic("template")
				}
				return struct{}{}, nil
			})
		}},
		{"Guard", func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
			e.GuardFunc = func(_ context.Context, _ order, r dispatch.Recipient) (bool, error) {
				if r.ID == "bob" {
					panic("guard")
				}
				return true, nil
			}
		}},
		{"Transport", func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
			e.Channels[1].Transport = "pager"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, resource(test.change, emailTo("user"), emailTo("others")), panicking)
			sibling := b.emit(t, numbered("ann"), nil)
			harmed := b.emit(t, numbered("ann", "bob"), nil)
			_, err := b.tx.Exec(t.Context(), "SELECT 1")
			require.NoError(t, err, "the caller's transaction is usable")
			b.Deliver()
			require.Contains(t, b.states(sibling), "email ann")
			var waiting int
			for _, r := range b.Receipts(harmed) {
				if r.State == receipts.Waiting {
					waiting++
					attempts := b.Attempts(r.ID)
					require.Contains(t, attempts[len(attempts)-1].Detail, "panicked")
				}
			}
			require.Positive(t, waiting)
			if test.name != "Template" {
				require.Equal(t, "sent(accepted)", b.states(harmed)["email ann"])
			}
		})
	}
}

func TestAMissingVariableFailsTheReceiptWithItsName(t *testing.T) {
	t.Parallel()
	b := setup(t, resource(nil, emailTo("user")))
	without := numbered("ann")
	without.Number = nil
	event := b.emit(t, without, nil)
	b.Deliver()
	failed := one(t, b.Receipts(event))
	require.Equal(t, "failed(render)", fmt.Sprintf("%s(%s)", failed.State, failed.Reason))
	require.Contains(t, b.Attempts(failed.ID)[0].Detail, `"order_number"`)
	require.Empty(t, b.Fake(transports.Email).Tried())
}

func TestTemplatesReadRecipientActorTenantResourceAndEvent(t *testing.T) {
	t.Parallel()
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.Content.Message = "{{ recipient.name }}/{{ recipient.id }}/{{ recipient.address }}/{{ recipient.locale }}/" +
			"{{ recipient.timezone }} {{ actor }} {{ tenant }} {{ resource.type }}/{{ resource.id }} {{ event.name }} {{ event.id }}"
	}, emailTo("user"))
	b := setup(t, r)
	require.NoError(t, people.Set(t.Context(), b.tx, "acme", people.Person{
		ID: "eve", Name: "Eve", Email: "eve@example.com", Locale: "fr", Timezone: "UTC",
	}))
	event := b.emit(t, numbered("eve"), &dispatch.EmitOpts{Actor: "mallory", Tenant: "acme"})
	b.Deliver()
	sent := b.Fake(transports.Email).Accepted()
	require.Len(t, sent, 1)
	require.Equal(t, "Eve/eve/eve@example.com/fr/UTC mallory acme orders/o-1 orders.created "+event.String(), sent[0].Content.Message)
	require.Equal(t, "acme", sent[0].Tenant)
}

func TestAFakeTransportGetsEveryFeature(t *testing.T) {
	t.Parallel()
	pager := transporttest.NewFake("pager", &transporttest.FakeConfig{
		Spec: transports.Spec{Name: "pager", Address: transports.AddressPhone, Required: []string{transports.FieldMessage}},
	})
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.ExpiresAfter = time.Hour
		e.Channels[0].Delay = time.Minute
		e.Channels[0].Content.Message = "{{ recipient.name }}: {{ order_number }}"
	}, dispatch.Channel{Transport: "pager", Audience: "others"})
	b := setup(t, r, pager)
	require.NoError(t, people.Set(t.Context(), b.tx, "", people.Person{ID: "ann", Name: "Ann", Phone: "+4930123456"}))
	event := b.emit(t, numbered("", "ann", "bob"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"pager ann": "waiting(delayed)", "pager bob": "waiting(delayed)"}, b.states(event))
	b.Advance(time.Minute)
	require.Equal(t, map[string]string{"pager ann": "sent(accepted)", "pager bob": "skipped(no_address)"}, b.states(event))
	require.Equal(t, "Ann: A7", pager.Accepted()[0].Content.Message)
	require.Equal(t, "+4930123456", pager.Accepted()[0].Recipient.Address)
}

func TestTwoAddressesWithoutAPersonAreTwoReceipts(t *testing.T) {
	t.Parallel()
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.RecipientsFunc = func(context.Context, dispatch.Querier, order, string) ([]dispatch.Recipient, error) {
			return []dispatch.Recipient{
				{Address: "x@example.com", Name: "X"},
				{Address: "y@example.com"},
				{Address: "x@example.com", Name: "X again"},
				{},
			}, nil
		}
		e.Content.Message = `{{ recipient.name | default "nobody" }}`
	}, emailTo("anyone"))
	b := setup(t, r)
	event := b.emit(t, numbered(""), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"email x@example.com": "sent(accepted)", "email y@example.com": "sent(accepted)"}, b.states(event))
	var said []string
	for _, m := range b.Fake(transports.Email).Accepted() {
		said = append(said, m.Content.Message)
	}
	require.ElementsMatch(t, []string{"X", "nobody"}, said)
}

func TestALargeAudienceGetsOneReceiptEach(t *testing.T) {
	t.Parallel()
	var crowd []string
	for i := range 1203 {
		crowd = append(crowd, fmt.Sprintf("p%d", i))
	}
	b := setup(t, resource(nil, inAppTo("others")))
	event := b.emit(t, numbered("", append(crowd, "p7", "p8", "")...), nil)
	b.Deliver()
	states := b.states(event)
	require.Len(t, states, len(crowd))
	for who, state := range states {
		require.Equal(t, "sent(accepted)", state, who)
	}
}

func TestAReceiptOfAnUnknownChannelWaitsAndCostsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, resource(nil, emailTo("user")))
	_, err := b.tx.Exec(t.Context(), `SELECT carillon.emit_event('other.thing', '{}', '{}',
		'[{"channel":"email.x","transport":"email","audience":"x"}]')`)
	require.NoError(t, err)
	b.Advance(3 * time.Minute)
	var state, reason string
	var attempts int
	err = b.tx.QueryRow(t.Context(), `SELECT state, reason, attempts FROM carillon.receipts WHERE audience = 'x'`).Scan(&state, &reason, &attempts)
	require.NoError(t, err)
	require.Equal(t, "waiting undeclared 0", fmt.Sprint(state, " ", reason, " ", attempts))
}

func TestEnrichAddsVariablesAndItsErrorIsRetried(t *testing.T) {
	t.Parallel()
	type extra struct {
		Link string `json:"link"`
	}
	calls := 0
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.EnrichFunc = dispatch.Enrich(func(_ context.Context, _ dispatch.Querier, o order) (extra, error) {
			if calls++; calls == 1 {
				return extra{}, errors.New("no token yet")
			}
			return extra{Link: "https://shop.example.com/o/" + o.ID}, nil
		})
		e.Content.Message = "{{ link }}"
	}, emailTo("user"))
	b := setup(t, r)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"email ann": "waiting(retry)"}, b.states(event))
	b.Advance(aWhile)
	require.Equal(t, "https://shop.example.com/o/o-1", b.Fake(transports.Email).Accepted()[0].Content.Message)
}

// refusing is an in-database transport that fails after it has written.
type refusing struct {
	*transporttest.Fake
	fail bool
}

func (r *refusing) SendTx(ctx context.Context, tx pgx.Tx, ms []transports.Message) ([]transports.Result, error) {
	for _, m := range ms {
		n := inbox.Notification{ID: m.ReceiptID, EventID: m.EventID, Person: "ann", Event: m.Event, NotificationType: "info", Title: "t", Message: "m"}
		if err := inbox.InsertTx(ctx, tx, []inbox.Notification{n}); err != nil {
			return nil, err
		}
	}
	if r.fail {
		return nil, errors.New("too late")
	}
	return make([]transports.Result, len(ms)), nil
}

func TestInDatabaseDeliveryAndItsRecordCommitTogether(t *testing.T) {
	t.Parallel()
	board := &refusing{Fake: transporttest.NewFake("board", nil), fail: true}
	b := setup(t, resource(nil, dispatch.Channel{Transport: "board", Audience: "user"}), board)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"board ann": "waiting(retry)"}, b.states(event))
	list, err := inbox.List(t.Context(), b.tx, "", "ann", 10)
	require.NoError(t, err)
	require.Empty(t, list, "what was written before the failure is gone")
	board.fail = false
	b.Advance(aWhile)
	require.Equal(t, map[string]string{"board ann": "sent(accepted)"}, b.states(event))
	list, err = inbox.List(t.Context(), b.tx, "", "ann", 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestARootThatIsCancelledWhileItResolvesHarmsNoOther(t *testing.T) {
	t.Parallel()
	var b *bundle
	r := resource(func(r *dispatch.Resource[order], _ *dispatch.Event[order]) {
		r.Audiences["others"] = dispatch.AudienceFunc(func(ctx context.Context, _ dispatch.Querier, _ order) ([]dispatch.Recipient, error) {
			_, err := b.tx.Exec(ctx, `UPDATE carillon.receipts SET state = 'cancelled', reason = 'operator', lease_token = NULL, finished_at = now()
				WHERE audience = 'others'`)
			return []dispatch.Recipient{{ID: "ann"}, {ID: "bob"}}, err
		})
	}, emailTo("others"), emailTo("user"))
	b = setup(t, r)
	event := b.emit(t, numbered("dora"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"email ": "cancelled(operator)", "email dora": "sent(accepted)"}, b.states(event))
}

func TestTextThatPostgresCannotStoreFailsItsReceiptAlone(t *testing.T) {
	t.Parallel()
	r := resource(func(r *dispatch.Resource[order], _ *dispatch.Event[order]) {
		r.Audiences["others"] = dispatch.People(func(order) []string { return []string{"a\x00b", "\xff"} })
	}, emailTo("others"), emailTo("user"))
	b := setup(t, r)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"email ": "waiting(retry)", "email ann": "sent(accepted)"}, b.states(event))
}

func TestWhatIsSentIsWhatIsStored(t *testing.T) {
	t.Parallel()
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.Content.Message = `{{ printf "%s\x00\xff" order_number }}`
	}, emailTo("user"))
	b := setup(t, r)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	var stored string
	require.NoError(t, b.tx.QueryRow(t.Context(), `SELECT body #>> '{content,message}' FROM carillon.contents WHERE receipt_id = $1`,
		one(t, b.Receipts(event)).ID).Scan(&stored))
	require.Equal(t, b.Fake(transports.Email).Accepted()[0].Content.Message, stored)
}

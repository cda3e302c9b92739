package chat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

// gonePause is how long a room that may come back is left alone: somebody may invite the bot again. A webhook that is
// gone never comes back.
const gonePause = time.Hour

// codeGone is the code of the error that a send to a gone room ends with, without a request.
const codeGone = "gone"

// EventRoomGone is the name of the notice that a room is gone.
const EventRoomGone = "carillon.chat_room_gone"

// Room is where a message goes, as this package remembers it.
type Room struct {
	// Key tells it from others of the transport, and is no secret: see [fingerprint].
	Key string
	// Name is what the configuration or an audience calls it.
	Name string
	// Hook is the way into it; nil for the bot. There is no way back once it is gone.
	Hook *url.URL
}

// fingerprint stands for a credential where it must not be read.
func fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:8])
}

// rooms remembers which rooms of one transport are gone: in the database for all workers, and in memory for the time
// until they read it. It is safe for concurrent use.
type rooms struct {
	transport string
	ways      *Ways

	mu   sync.Mutex
	gone map[string]time.Time // by key, until when; the zero time is for ever
}

func newRooms(transport string, ways *Ways) *rooms {
	return &rooms{transport: transport, ways: ways, gone: map[string]time.Time{}}
}

// isGone says whether nothing must be sent to a room, as far as this process knows.
func (r *rooms) isGone(room Room, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, known := r.gone[room.Key]
	if known && !until.IsZero() && !until.After(now) {
		delete(r.gone, room.Key)
		return false
	}
	return known
}

// close remembers, in this process, that a room is gone.
func (r *rooms) close(room Room, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone[room.Key] = until(room, now)
}

func until(room Room, now time.Time) time.Time {
	if room.Hook != nil {
		return time.Time{}
	}
	return now.Add(gonePause)
}

// targets says of each message whether its room is gone, in one query.
func (r *rooms) targets(
	ctx context.Context, db transports.Querier, now time.Time, ms []transports.Message,
) ([]transports.Target, error) {
	targets := make([]transports.Target, len(ms))
	keys := make([]string, len(ms))
	for i, m := range ms {
		if room, err := r.ways.Room(m.Recipient.Address); err == nil {
			keys[i] = room.Key
		}
	}
	rows, err := db.Query(ctx, sqlFindGone, pgx.StrictNamedArgs{"transport": r.transport, "rooms": keys, "now": now})
	if err != nil {
		return nil, fmt.Errorf("find rooms that are gone: %w", err)
	}
	gone := map[string]string{}
	var key, code string
	if _, err := pgx.ForEachRow(rows, []any{&key, &code}, func() error { gone[key] = code; return nil }); err != nil {
		return nil, fmt.Errorf("find rooms that are gone: %w", err)
	}
	for i, key := range keys {
		if code, is := gone[key]; is {
			targets[i].Off = "the provider says that the channel or webhook is gone: " + code
		}
	}
	return targets, nil
}

// report closes the rooms of messages that were refused for their address, in the database.
func (r *rooms) report(
	ctx context.Context, db transports.Querier, now time.Time, outcomes []transports.Outcome,
) ([]transports.Notice, error) {
	var keys, codes []string
	var untils []*time.Time
	var notices []transports.Notice
	seen := map[string]bool{}
	for _, o := range outcomes {
		room, err := r.ways.Room(o.Message.Recipient.Address)
		if err != nil || o.Class != transports.Address || strings.HasSuffix(o.Code, codeGone) || seen[room.Key] {
			continue
		}
		seen[room.Key] = true
		keys, codes = append(keys, room.Key), append(codes, cmp.Or(o.Code, "refused"))
		var end *time.Time
		if at := until(room, now); !at.IsZero() {
			end = &at
		}
		untils = append(untils, end)
		data, _ := json.Marshal(map[string]string{"transport": r.transport, "room": room.Name, "code": o.Code}) // texts always encode
		notices = append(notices, transports.Notice{
			Event: EventRoomGone, Tenant: o.Message.Tenant, Subject: room.Name, Data: data,
			Key: EventRoomGone + "/" + o.Message.ReceiptID.String(),
		})
	}
	if len(keys) == 0 {
		return nil, nil
	}
	rows, err := db.Query(ctx, sqlCloseRooms, pgx.StrictNamedArgs{
		"transport": r.transport, "rooms": keys, "codes": codes, "untils": untils, "now": now,
	})
	if err != nil {
		return nil, fmt.Errorf("close %d rooms: %w", len(keys), err)
	}
	if _, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, fmt.Errorf("close %d rooms: %w", len(keys), err)
	}
	return notices, nil
}

package classify_test

import (
	"fmt"
	"io"
	"log"
	"time"

	"github.com/carillon-notify/carillon/transports/classify"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func ExampleTable_Classify() {
	now := time.Now()
	for _, o := range []classify.Outcome{
		{Stage: classify.StageAnswer, Status: 429, RetryAfter: classify.RetryAfter("2.5", "", now)},
		{Stage: classify.StageAnswer, Status: 200, Code: "channel_not_found"},
		{Stage: classify.StageAnswer, Fault: classify.FaultTimeout},
		{Stage: classify.StageAnswer, Status: 200, Code: "an_error_of_tomorrow"},
	} {
		e := classify.Slack().Classify(o)
		fmt.Println(e, e.RetryAfter, e.Unclassified)
	}
	// Output:
	// rate 429: the service limits our rate 2.5s false
	// address 200 channel_not_found: the channel is gone or not ours to write in 0s false
	// unknown: the request was sent, and its answer was lost 0s false
	// transient 200 an_error_of_tomorrow: refused at answer for a reason that is not classified 0s true
}

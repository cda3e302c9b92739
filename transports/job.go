package transports

import (
	"errors"
	"regexp"
	"time"
)

// Job is the name of the job transport.
const Job = "job"

// JobOptions are the options of a job channel.
type JobOptions struct {
	// Kind is the kind that one of the application's workers works.
	Kind string `yaml:"kind" required:"true" doc:"the kind that a worker of the application's works"`
	// Args are the job's arguments: each a text, unless Typed names it.
	Args map[string]string `yaml:"args" template:"true" doc:"the job's arguments by name; each is a text, unless typed names it"`
	// Typed names arguments that are numbers, true, false or null.
	Typed []string `yaml:"typed" doc:"arguments that are numbers, true, false or null"`
	// Queue is where the job waits. Defaults to the address of a fixed audience, else to "default".
	Queue string `yaml:"queue" doc:"where the job waits; without it the address of a fixed audience, else default"`
	// Priority is 1 (first) to 4. Defaults to 1.
	Priority int `yaml:"priority" default:"1" doc:"1 (first) to 4"`
	// MaxAttempts is how often the application's worker tries. Defaults to 25, as River does.
	MaxAttempts int `yaml:"max_attempts" default:"25" doc:"how often the application's worker tries"`
	// Tags are River's own.
	Tags []string `yaml:"tags" template:"true" doc:"words to find the job by"`
	// Unique inserts nothing if a job of equal kind and arguments is there that has not failed for good.
	Unique bool `yaml:"unique" doc:"inserts nothing if a job of equal kind and arguments is there"`
	// UniquePeriod bounds Unique to jobs of the same stretch of time. Defaults to no bound.
	UniquePeriod time.Duration `yaml:"unique_period" doc:"unique among jobs of the same stretch of time only; needs unique"`
}

// JobSpec is the spec of the job transport.
func JobSpec() Spec {
	return Spec{
		Name: Job, Doc: "a job in the application's own River, in the transaction that records the receipt",
		AudienceOptional: true, InDatabase: true, Options: JobOptions{},
	}
}

// jobName is what River takes for kinds and queues.
var jobName = regexp.MustCompile(`^[A-Za-z0-9]+(?:[_\-.:/|]?[A-Za-z0-9]+)*$`)

// CheckOptions finds what River would refuse.
func (o JobOptions) CheckOptions() error {
	var errs []error
	if o.Kind != "" && (!jobName.MatchString(o.Kind) || len(o.Kind) > 128) {
		errs = append(errs, errors.New("kind is letters and digits, with single marks between them, at most 128"))
	}
	if o.Queue != "" {
		if err := CheckQueue(o.Queue); err != nil {
			errs = append(errs, errors.New("queue "+err.Error()))
		}
	}
	if o.Priority < 1 || o.Priority > 4 {
		errs = append(errs, errors.New("priority must be 1 to 4"))
	}
	if o.MaxAttempts < 1 || o.MaxAttempts > 32767 {
		errs = append(errs, errors.New("max_attempts must be 1 to 32767"))
	}
	for _, name := range o.Typed {
		if _, given := o.Args[name]; !given {
			errs = append(errs, errors.New("typed names an argument that args does not have"))
			break
		}
	}
	if o.UniquePeriod != 0 && (!o.Unique || o.UniquePeriod < time.Second) {
		errs = append(errs, errors.New("unique_period needs unique, and at least 1s"))
	}
	return errors.Join(errs...)
}

// queueName is what River takes for queues.
var queueName = regexp.MustCompile(`^[a-z0-9]+(?:[_|\-]?[a-z0-9]+)*$`)

// CheckQueue says what is wrong with the name of a queue of River, without repeating it.
func CheckQueue(name string) error {
	if len(name) > 64 || !queueName.MatchString(name) {
		return errors.New("must be lower-case letters and digits, with single underscores and hyphens between them, at most 64")
	}
	return nil
}

package pipeline

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/transports"
)

// attach finds the files of a message that is being rendered, and stores what they hold. It keeps nothing of that in
// memory: a batch is large. A failure is the message's, an error the database's.
func (r *run) attach(
	ctx context.Context, resolver *attachments.Resolver, it *item, vars map[string]any,
) (*transports.Error, error) {
	if !it.channel.Spec.Files {
		return nil, nil
	}
	var references []transports.Attachment
	err := r.contain(ctx, "template", it, func() (err error) {
		references, err = it.channel.RenderAttachments(vars)
		return err
	})
	if err != nil {
		return &transports.Error{Class: transports.Permanent, Detail: err.Error(), Err: err}, nil
	}
	given, err := r.givenFiles(ctx, it)
	if err != nil {
		return applicationError("attach", "attach", err), nil
	}
	var failure *transports.Error
	files, err := resolver.Resolve(references, given, it.body.Content.HTML)
	if errors.As(err, &failure) {
		return failure, nil
	}
	if !r.planned {
		err = attachments.Store(ctx, r.db, r.store.Now(), it.ID, files)
		if errors.As(err, &failure) {
			return failure, nil
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range files {
		files[i].Content = nil
	}
	it.body.Files = files
	return nil, nil
}

// givenFiles asks the application's function, if there is one.
func (r *run) givenFiles(ctx context.Context, it *item) (given []transports.File, err error) {
	if it.event.Attach == nil {
		return nil, nil
	}
	err = r.contain(ctx, "attach function", it, func() error {
		return r.lend(func(db *lent) (err error) {
			given, err = it.event.Attach(ctx, db, it.subject(), it.channel.Name)
			return err
		})
	})
	return given, err
}

// load reads what the files of the items hold, right before they are sent, and returns the items for which something is
// missing, settled. Equal contents are read once.
func (r *run) load(ctx context.Context, items []*item) (missing []*item, err error) {
	var files []transports.File
	for _, it := range items {
		files = append(files, it.body.Files...)
	}
	if len(files) == 0 {
		return nil, nil
	}
	started := time.Now()
	contents, err := attachments.Load(ctx, r.db, files)
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		it.contents = map[string][]byte{}
		gone := ""
		for _, f := range it.body.Files {
			content, stored := contents[f.Hash]
			if !stored {
				gone = f.Name
			}
			it.contents[f.Hash] = content
		}
		if gone != "" {
			it.contents = nil
			it.result = nil
			r.settleFailure(it, transports.Errorf(transports.Permanent, "what the file %q holds is not stored any more", gone), started)
			missing = append(missing, it)
		}
	}
	return missing, nil
}

// without lists the items that are not among others.
func without(items, others []*item) []*item {
	if len(others) == 0 {
		return items
	}
	return slices.DeleteFunc(slices.Clone(items), func(it *item) bool { return slices.Contains(others, it) })
}

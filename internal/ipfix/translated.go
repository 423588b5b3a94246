package ipfix

import (
	"context"
	"time"

	"ctop/tracker/flow"
)

// other is what a flow is behind the translation.
type other struct {
	tuple flow.Tuple
	// pass is the last one that saw the flow.
	pass uint64
}

// renewEvery is the time between two looks at the machine's translations.
const renewEvery = time.Second

// renewTranslations has the translations read again until ctx is done.
func (e *Exporter) renewTranslations(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for failing := false; ; {
		err := e.o.NAT.Renew()
		if err != nil && !failing {
			e.o.Log.Warn("flow records lack translations (NAT)", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// translated returns what a flow is behind the translation, nil if it is not translated or
// that is not known. It remembers that for as long as the flow goes on.
func (e *Exporter) translated(event *flow.Event) *flow.Tuple {
	if e.o.NAT == nil {
		return nil
	}
	known, ok := e.others[event.ID]
	if !ok {
		if known.tuple, ok = e.o.NAT.Of(event.Tuple); !ok || known.tuple.Src.Addr().Is4() != event.Tuple.Src.Addr().Is4() {
			return nil
		}
	}
	known.pass = e.pass
	e.others[event.ID] = known
	return &known.tuple
}

// template returns the number of the record's template.
func (r *record) template() int {
	n := templateOf(&r.event.Tuple)
	switch {
	case r.other == nil:
		return n
	case r.event.Outgoing:
		return n + translatedOut
	}
	return n + translatedIn
}

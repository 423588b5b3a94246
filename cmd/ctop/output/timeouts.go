package output

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// timeouts marshals as one object, in the order in which every output lists them.
type timeouts flow.Timeouts

// MarshalJSON writes one member for each timeout, in seconds.
func (t timeouts) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, name := range flow.TimeoutNames() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, quote(name.String())...)
		b = append(b, ':')
		b = format.AppendSeconds(b, t[name])
	}
	return append(b, '}'), nil
}

// WriteTimeouts writes the timeouts in a format.
func WriteTimeouts(w io.Writer, f Format, t flow.Timeouts) error {
	buffer := bufio.NewWriter(w)
	var err error
	if f == JSON {
		err = writeTimeoutsDocument(buffer, t)
	} else {
		err = writeTimeoutLines(buffer, f, t)
	}
	if err != nil {
		return err
	}
	return buffer.Flush()
}

func writeTimeoutsDocument(w io.Writer, t flow.Timeouts) error {
	text, err := json.MarshalIndent(timeouts(t), "", "  ")
	if err != nil {
		return fmt.Errorf("encode timeouts: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

func writeTimeoutLines(w io.Writer, f Format, t flow.Timeouts) error {
	head := map[Format]string{Table: timeoutLine("TIMEOUT", "VALUE"), Wide: timeoutLine("TIMEOUT", "VALUE"), CSV: "name,timeout_s\n"}
	if _, err := io.WriteString(w, head[f]); err != nil {
		return err
	}
	for _, name := range flow.TimeoutNames() {
		if _, err := io.WriteString(w, timeoutText(f, name, t)); err != nil {
			return err
		}
	}
	return nil
}

func timeoutText(f Format, name flow.TimeoutName, t flow.Timeouts) string {
	switch f {
	case JSONL:
		return fmt.Sprintf("{\"name\":%s,\"timeout_s\":%s}\n", quote(name.String()), format.AppendSeconds(nil, t[name]))
	case CSV:
		return fmt.Sprintf("%s,%s\n", name, format.AppendSeconds(nil, t[name]))
	default:
		return timeoutLine(name.String(), format.Timeout(t[name]))
	}
}

func timeoutLine(name, value string) string {
	return fmt.Sprintf("%-18s  %s\n", name, value)
}

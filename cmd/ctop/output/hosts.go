package output

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"ctop/internal/format"
)

// HostsSchema names the shape of the document of hosts.
const HostsSchema = "ctop.hosts/1"

// Host is a host of a fleet.
type Host struct {
	Host string
	// State is here, stale, gone or left.
	State                          string
	Heard                          time.Time
	Age, Uptime                    time.Duration
	Version, Place, Policy         string
	Flows, MaxFlows                int
	EventsLost, TableFull, Dropped uint64
	Alarms                         []string
}

// hostDocument is a host in JSON.
type hostDocument struct {
	Host       string   `json:"host"`
	State      string   `json:"state"`
	Heard      string   `json:"heard"`
	Age        seconds  `json:"age_s"`
	Version    string   `json:"version"`
	Interfaces string   `json:"interfaces"`
	Policy     string   `json:"policy"`
	Uptime     seconds  `json:"uptime_s"`
	Flows      int      `json:"flows"`
	MaxFlows   int      `json:"max_flows"`
	EventsLost uint64   `json:"events_lost"`
	TableFull  uint64   `json:"table_full"`
	Dropped    uint64   `json:"dropped"`
	Alarms     []string `json:"alarms"`
}

func newHostDocument(h *Host) hostDocument {
	return hostDocument{
		Host: h.Host, State: h.State, Heard: string(appendTime(nil, h.Heard)), Age: seconds(h.Age), Version: h.Version,
		Interfaces: h.Place, Policy: h.Policy, Uptime: seconds(h.Uptime), Flows: h.Flows, MaxFlows: h.MaxFlows,
		EventsLost: h.EventsLost, TableFull: h.TableFull, Dropped: h.Dropped, Alarms: append([]string{}, h.Alarms...),
	}
}

// WriteHosts writes hosts in a format.
func WriteHosts(w io.Writer, f Format, hosts []Host) error {
	b := bufio.NewWriter(w)
	var err error
	switch f {
	case JSON:
		err = writeHostsDocument(b, hosts)
	case JSONL:
		for i := range hosts {
			if err = writeHostLine(b, &hosts[i]); err != nil {
				break
			}
		}
	case CSV:
		err = writeHostsCSV(b, hosts)
	default:
		rows := make([]*Host, len(hosts))
		for i := range hosts {
			rows[i] = &hosts[i]
		}
		err = writeTable(b, hostColumns(), rows, math.MaxInt)
	}
	if err != nil {
		return err
	}
	return b.Flush()
}

func writeHostsDocument(w *bufio.Writer, hosts []Host) error {
	document := struct {
		Schema string         `json:"schema"`
		Hosts  []hostDocument `json:"hosts"`
	}{HostsSchema, []hostDocument{}}
	for i := range hosts {
		document.Hosts = append(document.Hosts, newHostDocument(&hosts[i]))
	}
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("encode hosts: %w", err)
	}
	_, err = w.Write(append(escapeControls(text), '\n'))
	return err
}

func writeHostLine(w *bufio.Writer, h *Host) error {
	text, err := json.Marshal(newHostDocument(h))
	if err != nil {
		return fmt.Errorf("encode a host: %w", err)
	}
	_, err = w.Write(append(escapeControls(text), '\n'))
	return err
}

func writeHostsCSV(w *bufio.Writer, hosts []Host) error {
	if _, err := w.WriteString("host,state,heard,age_s,version,interfaces,policy,uptime_s,flows,max_flows,events_lost,table_full,dropped,alarms\n"); err != nil {
		return err
	}
	for i := range hosts {
		h := &hosts[i]
		var b []byte
		for _, text := range []string{h.Host, h.State, string(appendTime(nil, h.Heard))} {
			b = append(append(b, csvText(text)...), ',')
		}
		b = append(format.AppendSeconds(b, h.Age), ',')
		for _, text := range []string{h.Version, h.Place, h.Policy} {
			b = append(append(b, csvText(text)...), ',')
		}
		b = append(format.AppendSeconds(b, h.Uptime), ',')
		for _, n := range []uint64{uint64(h.Flows), uint64(h.MaxFlows), h.EventsLost, h.TableFull, h.Dropped} {
			b = append(format.AppendUint(b, n), ',')
		}
		b = append(append(b, csvText(strings.Join(h.Alarms, "; "))...), '\n')
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// hostColumns are those of a table for people.
func hostColumns() []column[*Host] {
	text := func(title string, of func(h *Host) string) column[*Host] {
		return column[*Host]{title, false, func(b []byte, h *Host) []byte { return append(b, format.Clean(of(h))...) }}
	}
	number := func(title string, of func(h *Host) string) column[*Host] {
		c := text(title, of)
		c.right = true
		return c
	}
	return []column[*Host]{
		text("HOST", func(h *Host) string { return h.Host }),
		text("STATE", func(h *Host) string { return h.State }),
		number("HEARD", func(h *Host) string { return format.Age(h.Age) }),
		text("VERSION", func(h *Host) string { return h.Version }),
		text("INTERFACES", func(h *Host) string { return h.Place }),
		number("FLOWS", func(h *Host) string { return format.Count(h.Flows) }),
		number("MAX", func(h *Host) string { return format.Count(h.MaxFlows) }),
		number("LOST", func(h *Host) string { return strconv.FormatUint(h.EventsLost, 10) }),
		number("FULL", func(h *Host) string { return strconv.FormatUint(h.TableFull, 10) }),
		text("ALARMS", func(h *Host) string { return strings.Join(h.Alarms, "; ") }),
	}
}

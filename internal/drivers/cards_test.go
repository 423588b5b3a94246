//go:build drivers

package drivers

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// tableVar names a file to which the table of results is appended.
const tableVar = "CTOP_DRIVERS_TABLE"

// modes are tested in this order.
var modes = []string{"native", "tc", "generic"}

// card is a network card that qemu emulates, with the expected behaviour of
// ctop.
type card struct {
	name string
	// device is the qemu device, with its properties.
	device string
	// queues is the number of queues of the tap device.
	queues int
	// parallel means that the card spreads flows over several receive queues.
	parallel bool
	// frags is the first kernel, as in "6.3", whose driver accepts frames of
	// several buffers in native mode. On older kernels jumbo applies. Empty
	// means none.
	frags string
	// note is the note that native mode must print.
	note string
	// refused has the expected text of a mode's refusal, and jumbo that of a
	// mode which only refuses an MTU of 9,000.
	refused, jumbo map[string]string
}

// virtioJumbo has the refusals of virtio_net before it accepts frames of
// several buffers.
var virtioJumbo = map[string]string{
	"native": `MTU too large to enable XDP (invalid argument): use --mode tc, or set a smaller MTU, as with "ip link set dev eth0 mtu 1500"`,
}

// cards are those whose drivers refuse different things.
var cards = []card{
	{
		name: "virtio_net", device: "virtio-net-pci,mq=on,vectors=10", queues: 4, parallel: true,
		frags: "6.3", jumbo: virtioJumbo,
	},
	{
		name: "virtio_net without queues for XDP", device: "virtio-net-pci", queues: 1,
		frags: "6.3", jumbo: virtioJumbo, note: "eth0 has no spare transmit queue for each CPU",
	},
	{
		name: "virtio_net whose offloads cannot be turned off", device: "virtio-net-pci,ctrl_guest_offloads=off", queues: 1,
		refused: map[string]string{
			"native":  "disable GRO_HW/CSUM first (operation not supported): use --mode tc, or let the guest turn its offloads off",
			"generic": "XDP needs its rx-gro-hw off, but the driver keeps it on: use --mode tc, or let the guest turn its offloads off",
		},
	},
	{
		name: "igb", device: "igb", queues: 1, parallel: true,
		jumbo: map[string]string{"native": `too small for the frame size (invalid argument): use --mode tc, or set a smaller MTU, as with "ip link set dev eth0 mtu 1500"`},
	},
	{
		name: "e1000e", device: "e1000e", queues: 1,
		refused: map[string]string{"native": "its driver e1000e says: Underlying driver does not support XDP in native mode (operation not supported): use --mode tc"},
	},
}

// refusal returns the expected text of a mode's refusal under a kernel, empty
// if the mode must work.
func (c card) refusal(mode, kernel string, jumbo bool) string {
	frags := c.frags != "" && atLeast(kernel, c.frags)
	if text := c.refused[mode]; text != "" || !jumbo || frags {
		return text
	}
	return c.jumbo[mode]
}

// atLeast reports whether a kernel is of a version, as in "6.3", or later.
func atLeast(kernel, version string) bool {
	var have, want [2]int
	_, err := fmt.Sscanf(kernel, "%d.%d", &have[0], &have[1])
	_, bad := fmt.Sscanf(version, "%d.%d", &want[0], &want[1])
	return err == nil && bad == nil && slices.Compare(have[:], want[:]) >= 0
}

// outcome is the result of a mode between two cards.
type outcome struct {
	works bool
	// said is the text of the refusal.
	said string
}

// cell returns the table cell of a mode, from the results with the usual and a
// large MTU.
func cell(usual, jumbo outcome) string {
	word := map[bool]string{true: "yes", false: "refused"}
	if usual.works == jumbo.works {
		return word[usual.works]
	}
	return word[usual.works] + "; with an MTU of 9,000 " + word[jumbo.works]
}

// report appends a row to the table, and the texts of refusals.
func report(t *testing.T, c card, usual, jumbo map[string]outcome) {
	t.Helper()
	var row, sentences strings.Builder
	fmt.Fprintf(&row, "| %s |", c.name)
	for _, mode := range modes {
		fmt.Fprintf(&row, " %s |", cell(usual[mode], jumbo[mode]))
		said := usual[mode].said
		if said == "" {
			said = jumbo[mode].said
		}
		if said != "" {
			fmt.Fprintf(&sentences, "  %s\n", said)
		}
	}
	write(t, row.String()+"\n"+sentences.String())
}

// write appends text to the table, if there is one.
func write(t *testing.T, text string) {
	t.Helper()
	path := os.Getenv(tableVar)
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.WriteString(text); err != nil {
		t.Error(err)
	}
}

// lastLine returns the line of a refusal, without preceding notes.
func lastLine(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return lines[len(lines)-1]
}

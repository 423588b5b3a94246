//go:build drivers

package drivers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ctop/internal/lab"
)

// The kernel, its initial file system, and qemu.
const (
	kernelVar = "CTOP_DRIVERS_KERNEL"
	initrdVar = "CTOP_DRIVERS_INITRD"
	qemuVar   = "QEMU"
)

// guest is a virtual machine with two cards.
type guest struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
	qmp *monitor
	log string
	// ended is closed when qemu has ended.
	ended chan struct{}
}

// qemu returns the command that runs qemu.
func qemu() []string {
	if command := os.Getenv(qemuVar); command != "" {
		return strings.Fields(command)
	}
	return []string{"qemu-system-x86_64"}
}

// available reports whether qemu supports a device.
func available(device string) bool {
	name, _, _ := strings.Cut(device, ",")
	command := append(qemu(), "-device", name+",help")
	return exec.Command(command[0], command[1:]...).Run() == nil
}

// boot starts a virtual machine with two cards of the given qemu device.
func boot(ctx context.Context, t *testing.T, w *wire, device string) *guest {
	t.Helper()
	dir := t.TempDir()
	g := &guest{t: t, log: filepath.Join(dir, "console"), ended: make(chan struct{})}
	socket := filepath.Join(dir, "qmp")
	command := append(qemu(),
		"-machine", "q35", "-accel", "tcg,thread=single", "-cpu", "Nehalem,-cx16", "-smp", "2", "-m", "768M",
		"-nographic", "-nodefaults", "-no-reboot",
		"-kernel", os.Getenv(kernelVar), "-initrd", os.Getenv(initrdVar),
		"-append", "console=ttyS0 quiet oops=panic panic=-1 rdinit=/init",
		"-serial", "file:"+g.log, "-chardev", "stdio,id=control,signal=off", "-serial", "chardev:control",
		"-qmp", "unix:"+socket+",server=on,wait=off")
	cmd := lab.Command(ctx, command[0], command[1:]...)
	for i, queues := range w.taps {
		var fds []string
		for _, file := range queues {
			fds = append(fds, strconv.Itoa(3+len(cmd.ExtraFiles)))
			cmd.ExtraFiles = append(cmd.ExtraFiles, file)
		}
		cmd.Args = append(cmd.Args,
			"-netdev", fmt.Sprintf("tap,id=net%d,fds=%s,vhost=off", i, strings.Join(fds, ":")),
			// Each card has its own port: igb's virtual functions take room on
			// the bus.
			"-device", fmt.Sprintf("pcie-root-port,id=port%d,chassis=%d", i, i+1),
			"-device", fmt.Sprintf("%s,bus=port%d,id=card%d,netdev=net%d,mac=02:00:00:00:02:0%d,romfile=", device, i, i, i, i+1))
	}
	g.start(cmd)
	for _, queues := range w.taps {
		for _, file := range queues {
			_ = file.Close() // qemu has it
		}
	}
	g.qmp = g.dialMonitor(socket)
	g.await("")
	return g
}

// start runs qemu until the test ends.
func (g *guest) start(cmd *lab.Cmd) {
	g.t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	cmd.Stdin, g.in = pipe(g.t)
	out, stdout := pipe(g.t)
	cmd.Stdout = stdout
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	_ = cmd.Stdin.(*os.File).Close()
	_ = stdout.Close()
	g.out = bufio.NewReader(out)
	go func() {
		defer close(g.ended)
		_ = cmd.Wait()
	}()
	g.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-g.ended
		if g.t.Failed() {
			console, _ := os.ReadFile(g.log)
			g.t.Logf("qemu said: %s\nits console: %s", stderr.String(), console)
		}
	})
}

// pipe returns both ends of a pipe that is closed at the end of the test.
func pipe(t *testing.T) (from, to *os.File) {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = from.Close(), to.Close() })
	return from, to
}

// await reads to the end of a command's output.
func (g *guest) await(command string) (output string, status int) {
	g.t.Helper()
	var b strings.Builder
	for {
		line, err := g.out.ReadString('\n')
		if err != nil {
			g.t.Fatalf("the guest ended during %q: %v", command, err)
		}
		line = strings.TrimRight(line, "\r\n")
		if n, ok := strings.CutPrefix(line, "status "); ok {
			if status, err = strconv.Atoi(n); err == nil {
				return strings.TrimSpace(b.String()), status
			}
		}
		b.WriteString(line + "\n")
	}
}

// try runs a command in the guest.
func (g *guest) try(format string, args ...any) (output string, status int) {
	g.t.Helper()
	command := fmt.Sprintf(format, args...)
	if _, err := io.WriteString(g.in, command+"\n"); err != nil {
		g.t.Fatal(err)
	}
	return g.await(command)
}

// run runs a command in the guest, which must succeed.
func (g *guest) run(format string, args ...any) (output string) {
	g.t.Helper()
	output, status := g.try(format, args...)
	if status != 0 {
		g.t.Fatalf("%s: status %d: %s", fmt.Sprintf(format, args...), status, output)
	}
	return output
}

// monitor is qemu's control connection.
type monitor struct {
	t    *testing.T
	conn net.Conn
	in   *json.Decoder
}

func (g *guest) dialMonitor(socket string) *monitor {
	t := g.t
	t.Helper()
	conn, err := net.Dial("unix", socket)
	for err != nil {
		select {
		case <-g.ended:
			t.Fatal("qemu ended at once")
		case <-time.After(50 * time.Millisecond):
		}
		conn, err = net.Dial("unix", socket)
	}
	t.Cleanup(func() { _ = conn.Close() })
	m := &monitor{t: t, conn: conn, in: json.NewDecoder(conn)}
	m.do("qmp_capabilities", nil)
	return m
}

// do makes qemu execute a command.
func (m *monitor) do(command string, arguments map[string]any) {
	m.t.Helper()
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(m.conn).Encode(request); err != nil {
		m.t.Fatal(err)
	}
	for {
		var answer struct {
			Return json.RawMessage `json:"return"`
			Error  *struct{ Desc string }
		}
		err := m.in.Decode(&answer)
		if answer.Error != nil {
			err = errors.New(answer.Error.Desc)
		}
		if err != nil {
			m.t.Fatalf("qemu: %s: %v", command, err)
		}
		if answer.Return != nil {
			return
		}
	}
}

// setCarrier plugs in or unplugs the cable of a card.
func (g *guest) setCarrier(card int, up bool) {
	g.t.Helper()
	g.qmp.do("set_link", map[string]any{"name": fmt.Sprintf("card%d", card), "up": up})
}

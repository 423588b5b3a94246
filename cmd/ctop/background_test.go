package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const (
	whiteAnswer = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\"
	kindAnswer  = "\x1b[?62;22c"
)

// TestSilentTerminal has a terminal that tells its background long after it was
// asked: the console is there before, and the answer is no keys.
func TestSilentTerminal(t *testing.T) {
	line := strings.ReplaceAll(commandLine, "--theme dark ", "")
	for _, pieces := range [][]string{
		{whiteAnswer + kindAnswer},
		{whiteAnswer, kindAnswer},
		{"\x1b]11;rgb:ffff/", "ffff/ffff\x07\x1b[?6", "2c"},
	} {
		t.Run(fmt.Sprintf("%q", pieces), func(t *testing.T) {
			t.Parallel()
			x := inTerminal(t, 80, 24, line)
			n := x.expect(0, `(?s)`+enters+`.*10\.11\.12\.13`)
			for _, piece := range pieces {
				x.send(piece)
				time.Sleep(10 * time.Millisecond) // apart, if the kernel likes
			}
			x.send("?")
			// A filter that the answer's first / opened would take this for text.
			n = x.expect(n, `everything about the flow`)
			x.send("?2")
			x.expect(n, `\[2 Events`)
			x.send("q")
			x.left(n)
		})
	}
}

// TestTypedAhead types before the console is there: before the terminal is asked
// for its background, and while its answer is waited for.
func TestTypedAhead(t *testing.T) {
	line := strings.ReplaceAll(commandLine, "--theme dark ", "")
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		x := inTerminal(t, 80, 24, "sleep 0.3; "+line)
		x.send("2")
		n := x.expect(0, `\[2 Events`)
		x.send("q")
		x.left(n)
	})
	t.Run("meanwhile", func(t *testing.T) {
		t.Parallel()
		x := inTerminal(t, 80, 24, line)
		x.expect(0, `\x1b\[c`)
		// A q among them would end the console before it has drawn anything.
		x.send("5" + whiteAnswer + "2" + kindAnswer)
		n := x.expect(0, `\[2 Events`)
		x.send("q")
		x.left(n)
	})
}

// TestLateAnswers cuts answers in two at every place.
func TestLateAnswers(t *testing.T) {
	const before, after = "jk\x1b[A", "\x1b[Bd\x1b"
	for _, whole := range []string{whiteAnswer + kindAnswer, "\x1b]11;rgb:1/2/3\x07" + kindAnswer, kindAnswer} {
		for cut := range len(whole) {
			l := lateAnswers{owed: true}
			got := l.strip(before + whole[:cut])
			got += l.strip(whole[cut:] + after)
			want := before + after
			if cut > 0 && whole[cut-1] == '\x1b' && whole[cut] != '\\' {
				want = before + "\x1b" + after // may have been the key
			}
			if got != want || l.owed {
				t.Errorf("cut at %d, %q became %q", cut, whole, got)
			}
			if got := l.strip("\x1b]11;"); got != "\x1b]11;" {
				t.Errorf("it goes on after the last answer: %q", got)
			}
		}
	}
}

// TestLateAnswersLeaveKeys has none to take out.
func TestLateAnswersLeaveKeys(t *testing.T) {
	l := lateAnswers{owed: true}
	var got strings.Builder
	keys := []string{"j", "\x1b", "\x1b", "[<0;3;4M", "\x1b[1;5A", "\x1b]x", "\x1bOP", "\x1b", "q"}
	for _, key := range keys {
		got.WriteString(l.strip(key))
	}
	if want := strings.Join(keys, ""); got.String() != want {
		t.Errorf("\n got %q\nwant %q", got.String(), want)
	}
}

// TestAskBackground has terminals that answer, and one that does not.
func TestAskBackground(t *testing.T) {
	if answerTimeout > 200*time.Millisecond {
		t.Errorf("a person waits %s", answerTimeout)
	}
	const enough = time.Minute
	for _, tt := range []struct {
		name, answer, variable string
		patience               time.Duration
		want                   string
	}{
		{"white", whiteAnswer + kindAnswer, "", enough, "light true owed false"},
		{"black", "\x1b]11;rgb:0000/0000/0000\x07" + kindAnswer, "0;15", enough, "light false owed false"},
		{"does not know", kindAnswer, "", enough, "light false owed false"},
		{"says it elsewhere", kindAnswer, "0;default;15", enough, "light true owed false"},
		{"never", "", "", 50 * time.Millisecond, "light false owed true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := inTerminal(t, 80, 24, fmt.Sprintf("COLORFGBG=%q exec -a asks ctop %s", tt.variable, tt.patience))
			x.expect(0, `\x1b\[c`)
			half := len(tt.answer) / 2
			x.send(tt.answer[:half])
			time.Sleep(20 * time.Millisecond) // apart, if the kernel likes
			x.send(tt.answer[half:])
			x.expect(0, tt.want+`\r\n`)
		})
	}
}

// asks is what this program does where it is called so: it asks the terminal
// that it runs in for its background.
func asks() {
	patience, err := time.ParseDuration(os.Args[1])
	if err != nil {
		panic(err)
	}
	w := watchInput(os.Stdin)
	light := w.askBackground(env{stdin: os.Stdin, stdout: os.Stdout, getenv: os.Getenv}, patience)
	fmt.Printf("light %t owed %t\n", light, w.late.owed)
}

// Of the palette of 16 colours white (7) and the bright ones but grey (8) are light.
func TestLightByVariable(t *testing.T) {
	light := map[string]bool{"0;7": true, "15;9": true, "0;15": true, "0;default;15": true, "7": true}
	for _, text := range []string{
		"0;7", "15;9", "0;15", "0;default;15", "7", "15;0", "7;6", "15;8", "0;16", "0;-1", "", ";", "15;", "0;default",
	} {
		if got := lightByVariable(text); got != light[text] {
			t.Errorf("%q: light is %v", text, got)
		}
	}
}

// What was typed before the console could read becomes keys: control characters, spaces
// and letters, but no sequences of several characters.
func TestKeysTypedBefore(t *testing.T) {
	for typed, want := range map[string]string{
		"": "", "jé": "j é", " ": "[ ]", "\x03\r\x7f\x1f~": "ctrl+c enter backspace ctrl+_ ~", "j\x1b[A": "", "j\xffk": "j k",
	} {
		var names []string
		for _, k := range (&lateAnswers{typed: typed}).keys() {
			name := k.String()
			if name == " " {
				name = fmt.Sprintf("[%s]", string(k.Runes))
			}
			names = append(names, name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q is %q, not %q", typed, got, want)
		}
	}
}

// Of the input room is kept for an answer that is cut off, and only while one is owed.
func TestReadingThrough(t *testing.T) {
	for _, c := range []struct {
		owed bool
		room int
		want string
	}{
		{false, 81, strings.Repeat("x", 81)}, {true, 80, strings.Repeat("x", 80)}, {true, 81, "x"}, {true, 100, strings.Repeat("x", 20)},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteString(strings.Repeat("x", 200)); err != nil {
			t.Fatal(err)
		}
		l, p := lateAnswers{owed: c.owed}, make([]byte, c.room)
		n, err := l.readThrough(r, p)
		if got := string(p[:n]); err != nil || got != c.want {
			t.Errorf("owed %t, room for %d: %d bytes, %v", c.owed, c.room, n, err)
		}
		_, _ = r.Close(), w.Close()
	}
	// What was held back comes with the next reading, as far as there is room.
	l := lateAnswers{owed: true}
	begun := "\x1b]11;" + strings.Repeat("x", 64)
	if got := l.strip(begun); got != "" || len(l.begun) > longestBegun {
		t.Errorf("%q, holds %d bytes back", got, len(l.begun))
	}
	if got := l.strip("yz"); got != begun+"yz" {
		t.Errorf("%q", got)
	}
}

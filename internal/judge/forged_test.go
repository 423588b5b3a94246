package judge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// forgery is a packet by an attacker beside one of the ends, who knows the
// tuple but no number, and forges both directions.
type forgery struct {
	step script.Step
	side int
}

// attacker forges packets with numbers far from those of the honest ends, since
// random ones might be right.
type attacker struct {
	*rand.Rand
	side int
	// near has a number of each honest end.
	near [2]uint32
}

// far is the minimum distance of an attacker's numbers from the right ones:
// more than any window of a conversation.
const far = 1 << 27

// number returns a number that is wrong for the given end.
func (a *attacker) number(d int) uint32 {
	return a.near[d] + far + uint32(a.Uint64N(1<<32-2*far))
}

// forge returns some packets: any single one, or the attacker's own handshake
// with an end for each side.
func (a *attacker) forge() []forgery {
	d := a.IntN(2)
	one := script.Step{Reply: d == 1, Scale: script.NoScale, Window: 65535, Seq: a.number(d), Ack: a.number(1 - d)}
	switch a.IntN(6) {
	case 0, 1:
		syn, answer := one, one
		syn.Flags, syn.Ack = frame.SYN, 0
		answer.Flags, answer.Reply = frame.SYN|frame.ACK, !one.Reply
		answer.Seq, answer.Ack = a.number(1-d), syn.Seq+1
		ack := one
		ack.Flags, ack.Seq, ack.Ack = frame.ACK, syn.Seq+1, answer.Seq+1
		return a.from([]script.Step{syn, answer, ack}[:2+a.IntN(2)]...)
	case 2:
		one.Flags = frame.RST | uint8(a.IntN(2)*frame.ACK)
	case 3:
		one.Flags = frame.FIN | frame.ACK
	case 4:
		one.Flags, one.Len = frame.ACK, uint16(a.IntN(1400))
	default:
		one.Flags = frame.SYN | uint8(a.IntN(2)*frame.ACK)
	}
	return a.from(one)
}

func (a *attacker) from(steps ...script.Step) (f []forgery) {
	for _, s := range steps {
		f = append(f, forgery{s, a.side})
	}
	return f
}

// honest returns the steps of a conversation that begins with a handshake, and
// the number of steps of the handshake.
func honest(r *rand.Rand) ([]script.Step, int) {
	for {
		steps := converse(r)
		if len(steps) > 4 && steps[0].Flags&^(frame.ECE|frame.CWR) == frame.SYN && steps[1].Flags == frame.SYN|frame.ACK && steps[2].Flags == frame.ACK {
			return steps, 3
		}
	}
}

// TestForged has two attackers, one beside each end, who forge both directions
// of a connection without knowing its numbers. The ends' packets are judged as
// without the attack.
func TestForged(t *testing.T) {
	attack(t, func(r *rand.Rand, steps []script.Step, opened int) map[int][]forgery {
		forged := map[int][]forgery{}
		for range 1 + r.IntN(4) {
			a := attacker{Rand: r, side: r.IntN(2), near: [2]uint32{steps[0].Seq, steps[1].Seq}}
			at := opened + r.IntN(len(steps)-opened)
			for range 1 + r.IntN(3) {
				forged[at] = append(forged[at], a.forge()...)
			}
		}
		return forged
	}, harmed)
}

// TestForgedFirst has an attacker who forges before the connection opens.
// Beside the server it forges until the handshake completes. Beside the client,
// where its SYNs cannot be distinguished from the client's, it forges until the
// client's first SYN. The handshake still completes, and later packets are
// judged as without the attack.
func TestForgedFirst(t *testing.T) {
	attack(t, func(r *rand.Rand, steps []script.Step, opened int) map[int][]forgery {
		a := attacker{Rand: r, side: r.IntN(2), near: [2]uint32{steps[0].Seq, steps[1].Seq}}
		if a.side == 0 {
			opened = 1
		}
		forged := map[int][]forgery{}
		for at := range opened {
			for range 1 + r.IntN(2) {
				forged[at] = append(forged[at], a.forge()...)
			}
		}
		return forged
	}, hindered)
}

// attack plays conversations with and without forged packets, and reports those
// for which worse finds a worse answer to an honest step.
func attack(t *testing.T, forge func(r *rand.Rand, steps []script.Step, opened int) map[int][]forgery, worse func(a heard, alone []heard) bool) {
	c := &court{ctop: openCtop(t)}
	seed, failed := number(t, "CTOP_JUDGE_SEED", oneSeed), 0
	for n := range number(t, "CTOP_JUDGE_FORGED", fewForged) {
		r := rand.New(rand.NewPCG(seed, n))
		steps, opened := honest(r)
		enforce := r.IntN(2) == 0
		alone, err := c.listen(steps, nil, enforce)
		if err != nil {
			t.Fatal(err)
		}
		attacked, err := c.listen(steps, forge(r, steps, opened), enforce)
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(attacked, func(a heard) bool { return !a.forged && worse(a, alone) }); i >= 0 && failed < maxReported {
			failed++
			t.Errorf("seed=%d n=%d enforce=%v: without the attack %s\n%s", seed, n, enforce, alone[attacked[i].index].Answer, transcript(attacked[:i+1]))
		}
	}
}

// hindered reports whether the answer to an honest step shows a handshake that
// differs from one without the attack: nothing of it may be invalid, and it
// must open the flow.
func hindered(a heard, alone []heard) bool {
	want := alone[a.index]
	switch {
	case a.index < 2:
		return a.Verdict == Invalid && want.Verdict != Invalid
	case a.index == 2:
		return a.Verdict != want.Verdict || a.State != want.State
	default:
		return a.Answer != want.Answer
	}
}

// harmed reports whether the answer to an honest step differs from the one
// without the attack.
func harmed(a heard, alone []heard) bool {
	before := alone[max(a.index-1, 0)].State
	return before != Gone && a.Answer != alone[a.index].Answer
}

// fewForged is the default number of attacked conversations.
const fewForged = 5000

// heard is ctop's answer to a step, either a forged one or the honest one with
// the given index.
type heard struct {
	Answer
	step   script.Step
	index  int
	side   int
	forged bool
}

func transcript(all []heard) string {
	var b strings.Builder
	for _, h := range all {
		who := ""
		if h.forged {
			who = "forged"
		}
		fmt.Fprintf(&b, "%s by side %d %-60s %s\n", who, h.side, h.step.String(), h.Answer)
	}
	return b.String()
}

// listen plays the steps to ctop only, the forged ones before those of their
// index.
func (c *court) listen(steps []script.Step, forged map[int][]forgery, enforce bool) (all []heard, err error) {
	c.runs++
	if c.runs%flushEvery == 0 {
		c.ctop.flush()
	}
	if err := c.ctop.policy(enforce); err != nil {
		return nil, err
	}
	t := newTuple(c.runs, false)
	say := func(s script.Step, index, side int, isForged bool) error {
		h := heard{step: s, index: index, side: side, forged: isForged}
		c.mark++
		data := frame.Around(t.packet(&s, nil, c.mark))
		if h.Verdict, h.Why, err = c.ctop.play([][]byte{data}, side); err != nil {
			return err
		}
		h.State = c.ctop.state(t)
		all = append(all, h)
		return nil
	}
	for i := range steps {
		for _, f := range forged[i] {
			if err := say(f.step, i, f.side, true); err != nil {
				return nil, err
			}
		}
		if err := say(steps[i], i, steps[i].Dir(), false); err != nil {
			return nil, err
		}
	}
	return all, nil
}

package fleet

import (
	"fmt"
	"testing"
	"time"
)

// What goes on is said once a minute, with how often it came. Something else is said at once,
// and there are only so many kinds.
func TestSeldom(t *testing.T) {
	var s Seldom
	now := time.Unix(1000, 0)
	said, most := 0, 0
	for range 20 * 60 {
		if _, say := s.Say("slow", now); say {
			said++
		}
		now = now.Add(50 * time.Millisecond)
	}
	if more, say := s.Say("slow", now); said != 1 || !say || more != 20*60-1 {
		t.Errorf("%d times in a minute, then %t with %d more", said, say, more)
	}
	if more, say := s.Say("denied", now); !say || more != 0 {
		t.Errorf("another one: %t with %d more", say, more)
	}
	said = 0
	for minute := range 3 {
		for i := range 10 * maxSaid {
			if _, say := s.Say(fmt.Sprint(minute, " ", i), now); say {
				said++
			}
			most = max(most, len(s.said))
		}
		now = now.Add(sayAgain)
	}
	if said < 2*maxSaid || said > 3*(maxSaid+1) || most > maxSaid+1 {
		t.Errorf("%d of many kinds were said, %d kept", said, most)
	}
}

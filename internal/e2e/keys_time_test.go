package e2e

// timeChecks check the keys that lead to another time, and compare two. What is before the first snapshot
// of the console is not kept.
func timeChecks() map[string]func(d *desk, k string) {
	const section = "Go through the last ten minutes: "
	speedless := func(d *desk, k string) { d.press(k); d.shows("only a recording has a speed") }
	now := func(d *desk) { d.press("End"); d.hides("End now"); d.shows("flows came") }
	return map[string]func(d *desk, k string){
		"Show: mark this moment in time": func(d *desk, k string) {
			d.press(k)
			d.shows("M shows what came, went and changed since")
			d.press("M")
			d.shows("nothing came, went or changed since")
			d.press("Escape")
			d.hides("nothing came")
		},
		"Show: what changed; again: all": func(d *desk, k string) {
			d.press("m")
			d.shows("marked ")
			d.press(k)
			d.shows("CHANGE")
			d.press(k)
			d.hides("CHANGE")
		},
		section + "back in time, by a snapshot": func(d *desk, k string) {
			d.press(k)
			d.shows("End now")
			d.press("d")
			d.shows("the past cannot be changed")
			now(d)
		},
		section + "back in time, by a minute": func(d *desk, k string) {
			d.press(k)
			d.shows("End now")
			d.press(k, k, k, k, k, k, k, k, k, k)
			d.shows("nothing is kept of earlier times: the first is of ")
			now(d)
		},
		section + "forward, by a snapshot": func(d *desk, k string) {
			d.press(k)
			d.shows("this is now")
			d.press("[", "[", k)
			d.shows("End now")
			now(d)
		},
		section + "forward, by a minute":    func(d *desk, k string) { d.press("["); d.shows("End now"); d.press(k); d.hides("End now") },
		section + "play a recording slower": speedless,
		section + "play a recording faster": speedless,
		section + "back to now":             func(d *desk, k string) { d.press("["); d.shows("End now"); d.press(k); d.hides("End now") },
	}
}

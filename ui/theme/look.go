package theme

// Look is what kind of background the styles are made for.
type Look uint8

// The looks. Auto leaves it to the terminal.
const (
	Auto Look = iota
	Dark
	Light
)

var lookNames = [...]string{Auto: "auto", Dark: "dark", Light: "light"}

// String returns the look's name.
func (l Look) String() string { return lookNames[l] }

// ParseLook returns the look of that name.
func ParseLook(name string) (Look, bool) {
	for i, n := range lookNames {
		if n == name {
			return Look(i), true
		}
	}
	return Auto, false
}

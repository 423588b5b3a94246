package hub

import (
	"fmt"
	"strings"

	"ctop/internal/fleet"
)

// Configuration returns the keys as the authorization block of a NATS server.
func Configuration(k Keys) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The keys of the fleet %s. Include it in an account with JetStream.\nauthorization {\n  users = [\n", k.Fleet)
	for _, one := range k.Keys {
		p := fleet.PermissionsOf(fleet.Space(k.Fleet), one.Role, one.Name, one.Pair)
		fmt.Fprintf(&b, "    # %s %s\n    { nkey: %s, permissions: {\n        publish: { allow: [%s] }\n        subscribe: { allow: [%s] } } }\n",
			one.Role, one.Name, one.Key, quoted(p.Publish), quoted(p.Subscribe))
	}
	b.WriteString("  ]\n}\n")
	return b.String()
}

func quoted(list []string) string {
	var q []string
	for _, s := range list {
		q = append(q, fmt.Sprintf("%q", s))
	}
	return strings.Join(q, ", ")
}

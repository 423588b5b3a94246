// Package field is the registry of a flow's fields. A field has one name, and all code
// that shows, sorts or filters flows derives from its row:
//
//   - the console's columns (ui/table) and its prompt for the order (ui)
//   - the keys of --sort (internal/order)
//   - the measures of a filter (internal/filter)
//   - JSON, CSV and tables (cmd/ctop/output)
//   - the lists in the help and in the manual page
//
// A new field is one row in registry.go. Old spellings of names are in old.go.
package field

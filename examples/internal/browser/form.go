package browser

import (
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"strings"
)

// form is a form of a page.
type form struct {
	action, method string
	fields         []*field
}

// field is an input or a button.
type field struct {
	id, name, value string
	button          bool
}

func (f form) byID(id string) *field {
	for _, field := range f.fields {
		if field.id == id {
			return field
		}
	}
	return nil
}

// values are what the form sends: its fields, and of the buttons the pressed one.
func (f form) values(pressed *field) url.Values {
	values := url.Values{}
	for _, field := range f.fields {
		if field.name != "" && (!field.button || field == pressed) {
			values.Add(field.name, field.value)
		}
	}
	return values
}

// readForms reads the forms of a page that is also well-formed as XML, but for
// what [xml.Decoder] forgives HTML.
func readForms(page string) (forms []form, err error) {
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return forms, nil
		}
		if err != nil {
			return nil, err
		}
		if element, ok := token.(xml.StartElement); ok {
			forms = add(forms, element)
		}
	}
}

func add(forms []form, element xml.StartElement) []form {
	attributes := map[string]string{}
	for _, attribute := range element.Attr {
		attributes[attribute.Name.Local] = attribute.Value
	}
	name := element.Name.Local
	switch {
	case name == "form":
		return append(forms, form{action: attributes["action"], method: attributes["method"]})
	case len(forms) > 0 && (name == "input" || name == "button"):
		last := &forms[len(forms)-1]
		last.fields = append(last.fields, &field{
			id: attributes["id"], name: attributes["name"], value: attributes["value"], button: name == "button",
		})
	}
	return forms
}

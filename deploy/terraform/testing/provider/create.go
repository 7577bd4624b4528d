package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Values of computed arguments, by type and name. `{x}` stands for the value of the argument x.
//
//go:embed computed.json
var computedText []byte

var computed map[string]map[string]string

func init() {
	if err := json.Unmarshal(computedText, &computed); err != nil {
		log.Fatal(err)
	}
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// makeUp returns an object whose arguments are all known: those that AWS would choose are made up, the
// same ones for the same given arguments.
func makeUp(typeName string, object tftypes.Value) (tftypes.Value, error) {
	var members map[string]tftypes.Value
	if err := object.As(&members); err != nil {
		return object, err
	}
	given := []string{typeName}
	for _, name := range []string{"name", "bucket", "function_name", "domain_name", "role", "comment"} {
		var text string
		if value, there := members[name]; there && value.IsKnown() && !value.IsNull() && value.As(&text) == nil {
			given = append(given, text)
		}
	}
	hash := sha256.Sum256([]byte(strings.Join(given, "\x00")))
	id := strings.ToUpper(hex.EncodeToString(hash[:])[:13])
	text := func(name string) string {
		made, there := computed[typeName][name]
		if !there {
			return id
		}
		return placeholder.ReplaceAllStringFunc(made, func(one string) string {
			var value string
			if one == "{id}" {
				return id
			}
			if member, there := members[one[1:len(one)-1]]; there && member.IsKnown() && !member.IsNull() {
				_ = member.As(&value)
			}
			return value
		})
	}
	return tftypes.Transform(object, func(path *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		if value.IsKnown() {
			return value, nil
		}
		name, _ := path.LastStep().(tftypes.AttributeName)
		switch kind := value.Type(); {
		case kind.Is(tftypes.String):
			return tftypes.NewValue(kind, text(string(name))), nil
		case kind.Is(tftypes.Number):
			return tftypes.NewValue(kind, 1), nil
		case kind.Is(tftypes.Bool):
			return tftypes.NewValue(kind, false), nil
		case kind.Is(tftypes.DynamicPseudoType):
			return tftypes.NewValue(tftypes.String, nil), nil
		default:
			return tftypes.NewValue(kind, nil), nil
		}
	})
}

// PlanResourceChange returns what was asked for, and says that AWS will choose what was not.
func (provider) PlanResourceChange(_ context.Context, request *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	described := schema.Resources[request.TypeName]
	kind := described.schema().ValueType()
	prior, err := request.PriorState.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	proposed, err := request.ProposedNewState.Unmarshal(kind)
	if err != nil || proposed.IsNull() {
		return &tfprotov6.PlanResourceChangeResponse{PlannedState: request.ProposedNewState}, err
	}
	fresh := prior.IsNull()
	planned, err := tftypes.Transform(proposed, func(path *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		if name, _ := path.LastStep().(tftypes.AttributeName); described.hides(string(name)) && len(path.Steps()) == 1 {
			return tftypes.NewValue(value.Type(), nil), nil
		}
		if fresh && value.IsKnown() && value.IsNull() && described.computes(path) {
			return tftypes.NewValue(value.Type(), tftypes.UnknownValue), nil
		}
		return value, nil
	})
	if err != nil {
		return nil, err
	}
	state, err := tfprotov6.NewDynamicValue(kind, planned)
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: &state}, err
}

// hides returns whether an argument of that name is write-only.
func (b block) hides(name string) bool {
	return slices.ContainsFunc(b.Attributes, func(one attribute) bool { return one.Name == name && one.writeOnly() })
}

// computes returns whether AWS chooses the argument at a path if it is not given.
func (b block) computes(path *tftypes.AttributePath) bool {
	var names []string
	for _, step := range path.Steps() {
		if name, is := step.(tftypes.AttributeName); is {
			names = append(names, string(name))
		}
	}
	for at, name := range names {
		if at == len(names)-1 {
			for _, one := range b.Attributes {
				if one.Name == name {
					return one.Computed
				}
			}
			return false
		}
		found := false
		for _, one := range b.Blocks {
			if one.Name == name {
				b, found = one, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return false
}

// ApplyResourceChange creates nothing. It returns the plan with what AWS would have chosen.
func (provider) ApplyResourceChange(_ context.Context, request *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	kind := schema.Resources[request.TypeName].schema().ValueType()
	planned, err := request.PlannedState.Unmarshal(kind)
	if err != nil || planned.IsNull() {
		return &tfprotov6.ApplyResourceChangeResponse{NewState: request.PlannedState}, err
	}
	made, err := makeUp(request.TypeName, planned)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", request.TypeName, err)
	}
	state, err := tfprotov6.NewDynamicValue(kind, made)
	return &tfprotov6.ApplyResourceChangeResponse{NewState: &state}, err
}

// ReadResource finds everything as it was left.
func (provider) ReadResource(_ context.Context, request *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return &tfprotov6.ReadResourceResponse{NewState: request.CurrentState}, nil
}

// ReadDataSource answers with what computed.json has.
func (provider) ReadDataSource(_ context.Context, request *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	kind := schema.Data[request.TypeName].schema().ValueType()
	config, err := request.Config.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	asked, err := tftypes.Transform(config, func(path *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		if len(path.Steps()) == 1 && value.IsNull() {
			return tftypes.NewValue(value.Type(), tftypes.UnknownValue), nil
		}
		return value, nil
	})
	if err != nil {
		return nil, err
	}
	made, err := makeUp("data."+request.TypeName, asked)
	if err != nil {
		return nil, err
	}
	state, err := tfprotov6.NewDynamicValue(kind, made)
	return &tfprotov6.ReadDataSourceResponse{State: &state}, err
}

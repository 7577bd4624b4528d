/** Fields of forms: text and a choice among a few, with label, description and error. */
import { ChevronDown, Search } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "react-aria-components/Button";
import { FieldError } from "react-aria-components/FieldError";
import { Input } from "react-aria-components/Input";
import { Label } from "react-aria-components/Label";
import { ListBox, ListBoxItem } from "react-aria-components/ListBox";
import { Popover } from "react-aria-components/Popover";
import { SearchField as AriaSearchField } from "react-aria-components/SearchField";
import { Select as AriaSelect, SelectValue } from "react-aria-components/Select";
import { Text } from "react-aria-components/Text";
import { TextArea } from "react-aria-components/TextArea";
import { TextField as AriaTextField, type TextFieldProps } from "react-aria-components/TextField";
import "./field.css";

interface FieldProps extends Omit<TextFieldProps, "className" | "children"> {
  label: ReactNode;
  description?: ReactNode;
  error?: string | undefined;
  placeholder?: string;
  /** Rows of a text of several lines; without it the field has one line. */
  rows?: number;
}

export function TextField({ label, description, error, placeholder, rows, ...rest }: FieldProps) {
  return (
    <AriaTextField {...rest} isInvalid={error !== undefined} className="field">
      <Label>{label}</Label>
      {rows ? (
        <TextArea className="input" rows={rows} placeholder={placeholder} />
      ) : (
        <Input className="input" placeholder={placeholder} />
      )}
      {description && (
        <Text slot="description" className="hint">
          {description}
        </Text>
      )}
      <FieldError className="error">{error}</FieldError>
    </AriaTextField>
  );
}

export function SearchField({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <AriaSearchField aria-label={label} value={value} onChange={onChange} className="searchfield">
      <Search size={17} aria-hidden />
      <Input className="input" placeholder={label} />
    </AriaSearchField>
  );
}

export interface Choice<Id extends string> {
  id: Id;
  name: string;
}

interface SelectProps<Id extends string> {
  label: string;
  choices: ReadonlyArray<Choice<Id>>;
  value: Id;
  onChange: (value: Id) => void;
  /** Shows the choice alone; the label is for screen readers. */
  compact?: boolean;
  disabled?: boolean;
}

export function Select<Id extends string>(props: SelectProps<Id>) {
  const { label, choices, value, onChange, compact, disabled } = props;
  return (
    <AriaSelect
      className="field"
      value={value}
      onChange={(key) => key !== null && onChange(String(key) as Id)}
      isDisabled={disabled}
      {...(compact ? { "aria-label": label } : {})}
    >
      {!compact && <Label>{label}</Label>}
      <Button className="input select">
        <SelectValue />
        <ChevronDown size={16} aria-hidden />
      </Button>
      <Popover className="popover">
        <ListBox className="listbox" items={choices}>
          {(choice) => (
            <ListBoxItem id={choice.id} className="option" textValue={choice.name}>
              {choice.name}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}

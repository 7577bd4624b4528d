/** A menu that a button opens. */
import type { LucideIcon } from "lucide-react";
import type { ReactElement } from "react";
import { Menu as AriaMenu, MenuItem, MenuTrigger } from "react-aria-components/Menu";
import { Popover } from "react-aria-components/Popover";
import { Separator } from "react-aria-components/Separator";

export interface Action {
  id: string;
  name: string;
  icon?: LucideIcon;
  bad?: boolean;
  disabled?: boolean;
  run: () => void;
}

export function Menu({
  label,
  trigger,
  actions,
}: {
  label: string;
  trigger: ReactElement;
  actions: ReadonlyArray<Action | "separator">;
}) {
  return (
    <MenuTrigger>
      {trigger}
      <Popover className="popover" placement="bottom end">
        <AriaMenu className="menu" aria-label={label}>
          {actions.map((action, index) =>
            action === "separator" ? (
              // biome-ignore lint/suspicious/noArrayIndexKey: separators have no identity
              <Separator key={index} />
            ) : (
              <MenuItem
                key={action.id}
                id={action.id}
                textValue={action.name}
                isDisabled={action.disabled}
                className={`option ${action.bad ? "bad" : ""}`}
                onAction={action.run}
              >
                {action.icon && <action.icon size={17} aria-hidden />}
                {action.name}
              </MenuItem>
            ),
          )}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}

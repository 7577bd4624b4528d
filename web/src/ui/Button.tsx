/** Buttons, and links that look like them. */
import { Link, type LinkProps } from "@tanstack/react-router";
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { Button as AriaButton, type ButtonProps as AriaProps } from "react-aria-components/Button";
import { Tooltip, TooltipTrigger } from "react-aria-components/Tooltip";
import "./button.css";

type Look = "primary" | "plain" | "quiet" | "danger";

interface ButtonProps extends Omit<AriaProps, "children" | "className"> {
  look?: Look;
  icon?: LucideIcon;
  children: ReactNode;
}

export function Button({ look = "plain", icon: Icon, children, ...rest }: ButtonProps) {
  return (
    <AriaButton {...rest} className={`button ${look}`}>
      {Icon && <Icon size={18} aria-hidden />}
      <span>{children}</span>
    </AriaButton>
  );
}

interface IconButtonProps extends Omit<AriaProps, "children" | "className"> {
  icon: LucideIcon;
  label: string;
  look?: Look;
}

/** A button whose name is in a tooltip and for screen readers. */
export function IconButton({ icon: Icon, label, look = "quiet", ...rest }: IconButtonProps) {
  return (
    <TooltipTrigger delay={500}>
      <AriaButton {...rest} aria-label={label} className={`button icon ${look}`}>
        <Icon size={19} aria-hidden />
      </AriaButton>
      <Tooltip className="tooltip" offset={6}>
        {label}
      </Tooltip>
    </TooltipTrigger>
  );
}

export function ButtonLink({
  look = "plain",
  icon: Icon,
  children,
  ...rest
}: LinkProps & { look?: Look; icon?: LucideIcon; children: ReactNode }) {
  return (
    <Link {...rest} className={`button ${look}`}>
      {Icon && <Icon size={18} aria-hidden />}
      <span>{children}</span>
    </Link>
  );
}

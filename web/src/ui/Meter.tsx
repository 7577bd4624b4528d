/** How much of a limit is used. */
import { Label } from "react-aria-components/Label";
import { Meter as AriaMeter } from "react-aria-components/Meter";
import "./meter.css";

interface MeterProps {
  label: string;
  /** Parts of the limit, the first one in the strong colour; together at most `limit`. */
  parts: number[];
  limit: number;
  text: string;
}

export function Meter({ label, parts, limit, text }: MeterProps) {
  const used = parts.reduce((sum, part) => sum + part, 0);
  const share = limit > 0 ? Math.min(1, used / limit) : 0;
  const look = share > 0.95 ? "bad" : share > 0.8 ? "warn" : "";
  return (
    <AriaMeter value={share * 100} valueLabel={text} className={`meter ${look}`}>
      <div className="meter-words">
        <Label>{label}</Label>
        <span className="soft small number">{text}</span>
      </div>
      <div className="meter-track">
        {parts.map((part, index) => (
          <div
            // biome-ignore lint/suspicious/noArrayIndexKey: the parts are told apart by their place
            key={index}
            className={`meter-part part-${index}`}
            style={{ width: `${limit > 0 ? Math.min(100, (part / limit) * 100) : 0}%` }}
          />
        ))}
      </div>
    </AriaMeter>
  );
}

/** The product's name with its sign. */
export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" className="brand-sign">
        <path d="M4 20V8a8 8 0 0 1 16 0v12" />
        <path d="M8 13c1.3-1.3 2.7-1.3 4 0s2.7 1.3 4 0M8 18c1.3-1.3 2.7-1.3 4 0s2.7 1.3 4 0" />
      </svg>
      Tidegate
    </span>
  );
}

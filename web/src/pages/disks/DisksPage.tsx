export function DisksPage() {
  return null;
}

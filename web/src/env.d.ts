/// <reference types="vite/client" />

declare module "*.json?messages" {
  const messages: Record<string, string>;
  export default messages;
}

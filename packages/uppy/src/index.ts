export { TidegateError } from "@tidegate/client";

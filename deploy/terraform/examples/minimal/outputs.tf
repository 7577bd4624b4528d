output "env" {
  description = "The server's settings, as a file .env: tofu output -raw env > .env"
  value       = join("", [for name, value in merge(module.bucket.settings, module.cdn.settings) : "${name}=${value}\n"])
}

output "policy_arn" {
  description = "The policy to attach to the server's role."
  value       = aws_iam_policy.server.arn
}

output "doctor_policy_arn" {
  description = "The policy that `tidegate doctor` needs besides."
  value       = aws_iam_policy.doctor.arn
}

output "cloudfront_domain_name" {
  description = "Where the DNS records of `aliases` lead."
  value       = module.cdn.cloudfront_domain_name
}

output "key_group_id" {
  description = "The key group, for `tidegate keys rotate`."
  value       = module.cdn.key_group_id
}

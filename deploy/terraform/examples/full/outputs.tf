output "env" {
  description = "The functions' settings, as a file .env, for `tidegate doctor` and `tidegate migrate`: tofu output -raw env > .env"
  value       = join("", [for name, value in module.service.settings : "${name}=${value}\n"])
}

output "public_base_url" {
  description = "The API's address."
  value       = module.service.public_base_url
}

output "api_domain_target" {
  description = "Where the DNS record of `api_domain_name` leads."
  value       = module.service.domain_target
}

output "cloudfront_domain_name" {
  description = "Where the DNS record of `cdn_domain_name` leads."
  value       = module.cdn.cloudfront_domain_name
}

output "key_group_id" {
  description = "The key group, for `tidegate keys rotate`."
  value       = module.cdn.key_group_id
}

output "private_key_parameter" {
  description = "The parameter that the private key is put into."
  value       = module.service.private_key_parameter
}

output "operator_policy_arn" {
  description = "The policy to attach to the role of whoever runs `tidegate doctor`, `tidegate keys rotate` and `tidegate jobs redrive`."
  value       = aws_iam_policy.operator.arn
}

output "alarms_topic_arn" {
  description = "The topic to subscribe to."
  value       = aws_sns_topic.alarms.arn
}

output "cdn_alarms_topic_arn" {
  description = "The topic of CloudFront's alarm, in us-east-1."
  value       = aws_sns_topic.cdn_alarms.arn
}

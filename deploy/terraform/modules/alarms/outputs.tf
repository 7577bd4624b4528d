output "alarm_names" {
  description = "Names of all alarms."
  value       = sort([for one in aws_cloudwatch_metric_alarm.this : one.alarm_name])
}

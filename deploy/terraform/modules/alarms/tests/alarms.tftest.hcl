mock_provider "aws" {}

variables {
  name         = "tidegate-prod"
  topic_arns   = ["arn:aws:sns:eu-central-1:111122223333:alarms"]
  functions    = { http = "tidegate-http", worker = "tidegate-worker" }
  api          = { id = "abc" }
  queue_names  = { jobs = "tidegate-jobs", dead_letters = "tidegate-jobs-dead" }
  distribution = { id = "E1EXAMPLE" }
}

run "has_the_rules_of_session_media" {
  assert {
    condition = { for name in ["malware-found-often", "processing-fails", "uploads-fail"] : name => aws_cloudwatch_metric_alarm.this[name].threshold } == {
      malware-found-often = 5
      processing-fails    = 5
      uploads-fail        = 10
    }
    error_message = "thresholds are others than those of deploy/prometheus/tidegate.rules.yml"
  }
  assert {
    condition = alltrue([for one in aws_cloudwatch_metric_alarm.this :
      one.comparison_operator == "GreaterThanThreshold" && one.treat_missing_data == "notBreaching"
    ])
    error_message = "an alarm begins at its threshold, or when nothing happens"
  }
  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.this), "quotas-nearly-used-up") && aws_cloudwatch_metric_alarm.this["quotas-nearly-used-up"].metric_name == "tidegate_quotas_nearly_full"
    error_message = "nobody is told that a quota is nearly used up"
  }
}

run "shares_are_of_all_outcomes" {
  assert {
    condition = [for one in aws_cloudwatch_metric_alarm.this["processing-fails"].metric_query : one.expression if one.id == "share"] == [
      "IF((FILL(completed, 0) + FILL(failed, 0) + FILL(rejected, 0)) > 0, 100 * (FILL(failed, 0)) / (FILL(completed, 0) + FILL(failed, 0) + FILL(rejected, 0)), 0)"
    ]
    error_message = "the share is another"
  }
  assert {
    condition = { for one in aws_cloudwatch_metric_alarm.this["malware-found-often"].metric_query : one.id => one.metric[0].dimensions if length(one.metric) > 0 } == {
      clean    = tomap({ verdict = "clean" })
      infected = tomap({ verdict = "infected" })
    }
    error_message = "dimensions are others than labels"
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length([for one in alarm.metric_query : one if one.return_data]) == (alarm.metric_name == null ? 1 : 0)])
    error_message = "an alarm has not one result"
  }
}

run "dimensions_of_a_collector" {
  variables {
    dimensions = { service = "tidegate" }
    namespace  = "Photos"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["scanner-away"].dimensions == tomap({ service = "tidegate", verdict = "unavailable" }) && aws_cloudwatch_metric_alarm.this["scanner-away"].namespace == "Photos"
    error_message = "dimensions or namespace are lost"
  }
}

run "watches_what_aws_counts" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["dead-letters"].dimensions == tomap({ QueueName = "tidegate-jobs-dead" }) && aws_cloudwatch_metric_alarm.this["dead-letters"].threshold == 0
    error_message = "dead letters are not seen"
  }
  assert {
    condition = { for name, one in aws_cloudwatch_metric_alarm.this : name => [one.metric_name, one.dimensions.FunctionName] if one.namespace == "AWS/Lambda" } == {
      http-errors      = ["Errors", "tidegate-http"]
      http-throttled   = ["Throttles", "tidegate-http"]
      worker-errors    = ["Errors", "tidegate-worker"]
      worker-throttled = ["Throttles", "tidegate-worker"]
    }
    error_message = "a function is not watched"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["cdn-errors"].region == "us-east-1" && aws_cloudwatch_metric_alarm.this["cdn-errors"].dimensions == tomap({ DistributionId = "E1EXAMPLE", Region = "Global" })
    error_message = "CloudFront's metrics are in us-east-1"
  }
  assert {
    condition     = length(output.alarm_names) == 17 && alltrue([for name in output.alarm_names : startswith(name, "tidegate-prod-")])
    error_message = "there are other alarms: ${join(", ", output.alarm_names)}"
  }
}

run "somebody_is_told" {
  assert {
    condition = alltrue([for one in values(aws_cloudwatch_metric_alarm.this) :
      one.alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:alarms"]) && one.ok_actions == one.alarm_actions && length(one.alarm_description) > 40
    ])
    error_message = "nobody is told, or not what it means"
  }
}

run "a_server_without_lambda" {
  variables {
    functions    = {}
    api          = null
    queue_names  = null
    distribution = null
  }
  assert {
    condition     = length(output.alarm_names) == 9
    error_message = "there are alarms of things that are not there"
  }
}

run "refuses_a_share_of_everything" {
  command = plan
  variables {
    thresholds = { infected_percent = 100 }
  }
  expect_failures = [var.thresholds]
}

run "refuses_a_topic_by_name" {
  command = plan
  variables {
    topic_arns = ["alarms"]
  }
  expect_failures = [var.topic_arns]
}

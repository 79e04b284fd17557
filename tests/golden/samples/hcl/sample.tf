# Network and workers of the thumbnail service.

terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.40"
    }
  }

  backend "s3" {
    bucket = "thumbnails-state"
    key    = "workers/terraform.tfstate"
  }
}

provider "aws" {
  region = var.region
}

# Where everything runs.
variable "region" {
  description = "Region of all resources"
  type        = string
  default     = "eu-north-1"
}

variable "workers" {
  description = "How many workers run at most"
  type        = number
  default     = 4

  validation {
    condition     = var.workers > 0 && var.workers <= 32
    error_message = "Between 1 and 32 workers."
  }
}

locals {
  name = "thumbnails-${terraform.workspace}"

  # Every resource carries these.
  tags = {
    service = local.name
    owner   = "media"
  }
}

# The newest image that the build pipeline published.
data "aws_ami" "worker" {
  most_recent = true
  owners      = ["self"]

  filter {
    name   = "name"
    values = ["thumbnail-worker-*"]
  }
}

module "network" {
  source = "./modules/network"

  name               = local.name
  cidr_block         = "10.20.0.0/16"
  availability_zones = slice(data.aws_availability_zones.all.names, 0, 2)
  tags               = local.tags
}

data "aws_availability_zones" "all" {}

/* Pictures that wait for a thumbnail. */
resource "aws_sqs_queue" "pending" {
  name                       = "${local.name}-pending"
  visibility_timeout_seconds = 120
  message_retention_seconds  = 86400

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.failed.arn
    maxReceiveCount     = 5
  })

  tags = local.tags
}

resource "aws_sqs_queue" "failed" {
  name = "${local.name}-failed"
  tags = local.tags
}

resource "aws_launch_template" "worker" {
  name_prefix   = local.name
  image_id      = data.aws_ami.worker.id
  instance_type = "c7g.large"
  user_data = base64encode(templatefile("${path.module}/worker.sh", {
    queue = aws_sqs_queue.pending.url
  }))

  metadata_options {
    http_tokens = "required"
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])
    content {
      resource_type = tag_specifications.value
      tags          = local.tags
    }
  }
}

resource "aws_autoscaling_group" "workers" {
  name                = local.name
  min_size            = 0
  max_size            = var.workers
  vpc_zone_identifier = module.network.private_subnets

  launch_template {
    id      = aws_launch_template.worker.id
    version = "$Latest"
  }
}

output "queue_url" {
  description = "Where to send pictures"
  value       = aws_sqs_queue.pending.url
}

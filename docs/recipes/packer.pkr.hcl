# What follows the sources of a build named golden, built in us-east-1.
build {
  name    = "golden"
  sources = ["source.amazon-ebs.golden"]

  post-processors {
    post-processor "manifest" {
      output = "manifest.json"
    }
    post-processor "shell-local" {
      environment_vars = [
        "SOURCE_REGION=us-east-1",
        "REGIONS=eu-west-1 us-west-2",
        "IMAGE_NAME=golden-{date}-{region}",
        "REASON=PLAT-1: built by Packer",
      ]
      script = "packer_copy.sh"
    }
  }
}

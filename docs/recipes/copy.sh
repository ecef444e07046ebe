#!/bin/sh
# Asks amicopy for copies of one image and waits for them; says on standard output what became of them, as JSON, and ends
# with amicopy's exit codes. Called again with the same KEY it asks for nothing twice: it goes on waiting.
# Needs amicopy's command line as `amicopy` on the PATH, which is one file, and in the environment:
: "${AMICOPY_SERVER:?where amicopy is, such as https://amicopy.example}"
: "${AMICOPY_TOKEN:?a token to read and request}"
: "${AMICOPY_ACCOUNT:?the 12 digits of the account to copy into}"
: "${SOURCE_REGION:?where the image is}"
: "${IMAGE_ID:?the image}"
: "${IMAGE_NAME:?what its copies are called}"
: "${REGIONS:?where they go, with spaces in between}"
: "${REASON:?why, for who decides}"
: "${KEY:?the same for the same copies, however often this runs}"
set -eu

set --
for region in $REGIONS; do
  set -- "$@" --region "$region"
done
exec amicopy request \
  --source-region "$SOURCE_REGION" \
  --source-image-id "$IMAGE_ID" \
  --name "$IMAGE_NAME" \
  --copy-image-tags \
  --reason "$REASON" \
  --correlation "$KEY" \
  --idempotency-key "$KEY" \
  --wait --timeout "${TIMEOUT:-5h}" \
  --output json \
  "$@"
